//! The checked values of a document, each with its limits. Pure.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};

/// The largest object that one PUT may carry, 5 GiB.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html>
pub const SIZE_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;

/// The most characters of a name.
pub(crate) const NAME_CHARS_MAX: usize = 255;
/// RFC 6838 section 4.2 allows 127 for each half; the whole, parameters included, gets no more here.
pub(crate) const CONTENT_TYPE_BYTES_MAX: usize = 127;

/// A value that a document cannot have. Says which and why, never the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {why}")]
pub struct InvalidField {
    field: &'static str,
    why: &'static str,
}

/// 1 to 255 characters, none of them a control character, not only blanks.
#[derive(Clone, PartialEq, Eq)]
pub struct DocumentName(String);

impl DocumentName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DocumentName {
    type Error = InvalidField;

    fn try_from(name: String) -> Result<Self, InvalidField> {
        let why = if name.trim().is_empty() {
            "is empty"
        } else if name.chars().nth(NAME_CHARS_MAX).is_some() {
            "is longer than 255 characters"
        } else if name.chars().any(char::is_control) {
            "has control characters"
        } else {
            return Ok(Self(name));
        };
        Err(InvalidField { field: "document_name", why })
    }
}

impl fmt::Debug for DocumentName {
    /// What users call their documents belongs into no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DocumentName(…)")
    }
}

/// A media type, with parameters if need be (RFC 9110 section 8.3.1): `text/plain; charset=utf-8`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentType(String);

impl ContentType {
    /// The media type as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ContentType {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        let invalid = |why| InvalidField { field: "content_type", why };
        if text.len() > CONTENT_TYPE_BYTES_MAX {
            return Err(invalid("is longer than 127 bytes"));
        }
        let mut parts = text.split(';');
        let media = parts.next().and_then(|media| media.split_once('/'));
        let parameters_hold = parts.all(|parameter| {
            parameter
                .trim_matches(' ')
                .split_once('=')
                .is_some_and(|(name, value)| is_token(name) && (is_token(value) || is_quoted(value)))
        });
        match media {
            Some((kind, subtype))
                if is_token(kind) && is_token(subtype.trim_end_matches(' ')) && parameters_hold =>
            {
                Ok(Self(text))
            }
            _ => Err(invalid("is not a media type such as `application/pdf`")),
        }
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

fn is_quoted(text: &str) -> bool {
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).is_some_and(|inner| {
        inner.bytes().all(|b| (b == b' ' || b.is_ascii_graphic()) && b != b'"' && b != b'\\')
    })
}

/// A length in bytes, from 1 to 5 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentSize(u64);

impl ContentSize {
    /// The length in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for ContentSize {
    type Error = InvalidField;

    fn try_from(bytes: u64) -> Result<Self, InvalidField> {
        let why = match bytes {
            0 => "is 0: a document has content",
            1..=SIZE_BYTES_MAX => return Ok(Self(bytes)),
            _ => "is above 5368709120 (5 GiB)",
        };
        Err(InvalidField { field: "size_bytes", why })
    }
}

/// A SHA-256, as S3 writes it: 32 bytes in standard base64 with padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum(String);

impl Checksum {
    /// The 44 characters of base64.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Checksum {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        match STANDARD.decode(text) {
            // Another text for the same bytes would not be equal to what S3 answers.
            Ok(bytes) if bytes.len() == 32 && STANDARD.encode(&bytes) == text => Ok(Self(text.to_owned())),
            _ => Err(InvalidField {
                field: "checksum_sha256",
                why: "is not a SHA-256 in base64 (44 characters)",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_limits() {
        for name in ["a", "Quarterly report (final).pdf", "документ ✓", &"é".repeat(255)] {
            assert!(DocumentName::try_from(name.to_owned()).is_ok(), "{name}");
        }
        for (name, why) in [
            ("", "empty"),
            ("  ", "blank"),
            (&*"x".repeat(256), "long"),
            ("a\nb", "line"),
            ("a\u{85}b", "C1"),
        ] {
            assert!(DocumentName::try_from(name.to_owned()).is_err(), "{why}");
        }
    }

    #[test]
    fn content_types_are_media_types() {
        for text in
            ["application/pdf", "text/plain; charset=utf-8", "text/plain;charset=\"utf-8\"", "image/svg+xml"]
        {
            assert!(ContentType::try_from(text.to_owned()).is_ok(), "{text}");
        }
        for text in
            ["", "pdf", "a/", "/b", "a/b/c", "text/plain\r\nX: y", "text/plain; charset", "text/é", "a b/c"]
        {
            assert!(ContentType::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert!(ContentType::try_from(format!("a/{}", "b".repeat(126))).is_err(), "long");
    }

    #[test]
    fn sizes_and_checksums_have_limits() {
        assert_eq!(ContentSize::try_from(SIZE_BYTES_MAX).map(ContentSize::bytes), Ok(SIZE_BYTES_MAX));
        assert!(ContentSize::try_from(0).is_err() && ContentSize::try_from(SIZE_BYTES_MAX + 1).is_err());
        let sum = STANDARD.encode([7; 32]);
        assert!(sum.parse::<Checksum>().is_ok());
        for (text, why) in [
            (String::new(), "empty"),
            ("0".repeat(64), "hexadecimal"),
            (STANDARD.encode([7; 20]), "SHA-1"),
            (sum.replace('=', ""), "no padding"),
            (format!("{sum} "), "blank"),
        ] {
            assert!(text.parse::<Checksum>().is_err(), "{why}");
        }
    }
}
