//! The canonical request: the one text of a request that both sides can write.
//!
//! Pure. Works on bytes as sent; nothing is decoded further than the rules ask.

use http::request::Parts;
use percent_encoding::percent_decode_str;

use super::SignatureError;

pub(super) struct Request<'a> {
    pub(super) parts: &'a Parts,
    /// S3 takes the path as it was sent; every other service normalises it and encodes it again.
    pub(super) s3: bool,
    pub(super) presigned: bool,
    pub(super) signed_headers: &'a [String],
    pub(super) payload: &'a str,
}

impl Request<'_> {
    pub(super) fn text(&self) -> Result<String, SignatureError> {
        let raw = self.parts.uri.path();
        let path = if self.s3 { encode_once(raw) } else { encode(normalise(raw).as_bytes(), true) };
        let query = canonical_query(self.parts.uri.query().unwrap_or_default(), self.presigned);
        let headers = self.headers()?;
        let signed = self.signed_headers.join(";");
        Ok(format!("{}\n{path}\n{query}\n{headers}\n{signed}\n{}", self.parts.method, self.payload))
    }

    fn headers(&self) -> Result<String, SignatureError> {
        let mut text = String::new();
        for name in self.signed_headers {
            let mut values = Vec::new();
            for value in self.parts.headers.get_all(name) {
                let value = std::str::from_utf8(value.as_bytes())
                    .map_err(|_| SignatureError::Incomplete(format!("Header `{name}` is not UTF-8.")))?;
                values.push(value.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
            }
            if values.is_empty() {
                // A header that was signed and not sent: the signature cannot be that of this request.
                return Err(SignatureError::Mismatch);
            }
            text.push_str(name);
            text.push(':');
            text.push_str(&values.join(","));
            text.push('\n');
        }
        Ok(text)
    }
}

/// Percent-encodes all but the unreserved characters of RFC 3986, and `/` where it separates segments.
fn encode(bytes: &[u8], keep_slash: bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte))
            }
            b'/' if keep_slash => text.push('/'),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// Encodes what a client left bare, and keeps what it has encoded.
fn encode_once(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    let mut bytes = path.as_bytes();
    while let [first, rest @ ..] = bytes {
        bytes = rest;
        match (first, rest) {
            (b'%', [high, low, tail @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                text.push('%');
                text.push(char::from(high.to_ascii_uppercase()));
                text.push(char::from(low.to_ascii_uppercase()));
                bytes = tail;
            }
            _ => text.push_str(&encode(&[*first], true)),
        }
    }
    text
}

/// Removes dot segments and empty segments, and keeps a slash at the end.
fn normalise(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    let slash = ["/", "/.", "/.."].iter().any(|end| path.ends_with(end)) && !segments.is_empty();
    format!("/{}{}", segments.join("/"), if slash { "/" } else { "" })
}

fn canonical_query(query: &str, presigned: bool) -> String {
    let mut pairs: Vec<(String, String)> = pairs(query)
        .filter(|(name, _)| !(presigned && name.as_slice() == b"X-Amz-Signature"))
        .map(|(name, value)| (encode(&name, false), encode(&value, false)))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// The decoded pairs of a query; `+` is a space, as every SDK and the engine read it.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

fn decode(text: &str) -> Vec<u8> {
    percent_decode_str(&text.replace('+', " ")).collect()
}
