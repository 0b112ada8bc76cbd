//! The aws-chunked framing of S3 content: sizes, content, and the checksum that trails it.
//!
//! It is read only so far as to see that nothing hides in it. The engine takes every trailing line for a header, so
//! a line `x-amz-copy-source: …`, which no signature covers and no policy has seen, would make an upload a copy of
//! somebody else's object. S3 takes only a checksum there (S3 API Reference, "Checking object integrity").

use http::HeaderMap;

use crate::refusal::Refusal;

const SIZE_LINE_BYTES_MAX: usize = 256;
const TRAILER_BYTES_MAX: usize = 4 * 1024;

/// Whether the engine will read the body as chunked.
pub(crate) fn is_announced(headers: &HeaderMap) -> bool {
    let coded = headers.get_all("content-encoding").iter().any(|coding| {
        String::from_utf8_lossy(coding.as_bytes()).to_ascii_lowercase().contains("aws-chunked")
    });
    let streaming = headers
        .get_all("x-amz-content-sha256")
        .iter()
        .any(|hash| String::from_utf8_lossy(hash.as_bytes()).to_ascii_uppercase().starts_with("STREAMING-"));
    coded || streaming || headers.contains_key("x-amz-decoded-content-length")
}

/// The framing of one body, as far as it has come.
pub(crate) struct Framing(State);

enum State {
    Size(Vec<u8>),
    /// Bytes left of a chunk and its line end.
    Content(u64),
    Trailer(Vec<u8>),
}

impl Framing {
    pub(crate) fn new() -> Self {
        Self(State::Size(Vec::new()))
    }

    /// Reads on.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) -> Result<(), Refusal> {
        while !bytes.is_empty() {
            match &mut self.0 {
                State::Size(line) => {
                    let [first, rest @ ..] = bytes else { break };
                    line.push(*first);
                    bytes = rest;
                    if let Some(size) = line.strip_suffix(b"\r\n") {
                        self.0 = after(size)?;
                    } else if line.len() > SIZE_LINE_BYTES_MAX {
                        return Err(malformed("a chunk's size"));
                    }
                }
                State::Content(left) => {
                    let now = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = bytes.get(now..).unwrap_or_default();
                    *left -= now as u64;
                    if *left == 0 {
                        self.0 = State::Size(Vec::new());
                    }
                }
                State::Trailer(text) => {
                    text.extend_from_slice(bytes);
                    if text.len() > TRAILER_BYTES_MAX {
                        return Err(malformed("the trailer's length"));
                    }
                    bytes = &[];
                }
            }
        }
        Ok(())
    }

    /// The body is over: whether it was whole, and trailed by checksums alone.
    pub(crate) fn finish(&self) -> Result<(), Refusal> {
        let State::Trailer(text) = &self.0 else { return Err(malformed("the end")) };
        let text = std::str::from_utf8(text).map_err(|_| malformed("the trailer"))?;
        for line in text.split("\r\n").filter(|line| !line.is_empty()) {
            let name = line.split_once(':').map(|(name, _)| name.trim().to_ascii_lowercase());
            let checksum = name.as_deref().and_then(|name| name.strip_prefix("x-amz-checksum-"));
            let plain =
                |kind: &str| !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if !checksum.is_some_and(plain) {
                return Err(malformed("a trailing line that is no checksum"));
            }
        }
        Ok(())
    }
}

fn after(size: &[u8]) -> Result<State, Refusal> {
    let text = std::str::from_utf8(size).ok();
    let digits = text.and_then(|text| text.split(';').next()).map(str::trim);
    let digits =
        digits.filter(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let size = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    match size {
        Some(0) => Ok(State::Trailer(Vec::new())),
        Some(size) => size.checked_add(2).map(State::Content).ok_or_else(|| malformed("a chunk's size")),
        None => Err(malformed("a chunk's size")),
    }
}

fn malformed(what: &str) -> Refusal {
    Refusal::BadBody(format!("the aws-chunked body is malformed: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, step: usize) -> Result<(), Refusal> {
        let mut framing = Framing::new();
        for bytes in body.as_bytes().chunks(step) {
            framing.read(bytes)?;
        }
        framing.finish()
    }

    #[test]
    fn content_and_its_checksum_are_let_through() {
        for body in [
            "7\r\ncontent\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
            "3\r\ncon\r\n4;chunk-signature=00\r\ntent\r\n0\r\n\r\n",
            "0\r\nx-amz-checksum-sha256: AA==\r\n\r\n",
        ] {
            for step in [1, 3, 1000] {
                assert_eq!(read(body, step), Ok(()), "{body}");
            }
        }
    }

    #[test]
    fn nothing_else_can_trail_it() {
        for (body, why) in [
            ("7\r\ncontent\r\n0\r\nx-amz-copy-source:content/b/1\r\n\r\n", "a header that makes it a copy"),
            ("0\r\nx-amz-checksum-crc32:AA==\r\nx-amz-acl:public-read\r\n\r\n", "a second line"),
            ("0\r\nx-amz-checksum-a\nx-amz-acl:b\r\n\r\n", "a line within a name"),
            ("0\r\nx-amz-checksum-:b\r\n\r\n", "half a name"),
            ("0\r\nno colon\r\n\r\n", "no header at all"),
            ("7\r\ncontent\r\n", "no end"),
            ("7\r\ncon", "cut"),
            ("-7\r\ncontent\r\n0\r\n\r\n", "a size below nothing"),
            ("fffffffffffffffff\r\n", "a size beyond counting"),
            ("\r\n0\r\n\r\n", "no size"),
        ] {
            for step in [1, 1000] {
                assert!(read(body, step).is_err(), "{why}");
            }
        }
    }
}
