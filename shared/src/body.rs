//! The body of a request as API Gateway passes it on: as it is, or as Base64. Knows no format; pure.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};

/// No body of this product comes near it: neither JSON nor a form, with the Marketplace's token in it.
pub const BODY_BYTES_MAX: usize = 16 * 1024;

/// A body that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBody {
    /// More than 16 KiB.
    #[error("the body is larger than 16384 bytes")]
    TooLarge,
    /// It is said to be Base64, and is not.
    #[error("the body is not base64")]
    NotBase64,
}

/// The bytes of a body.
///
/// # Errors
/// When there are too many, or it is not Base64 though it is said to be.
pub fn decode(text: &str, is_base64: bool) -> Result<Cow<'_, [u8]>, InvalidBody> {
    // Base64 takes four characters for three bytes; either way this is too much.
    if text.len() > BODY_BYTES_MAX * 2 {
        return Err(InvalidBody::TooLarge);
    }
    let bytes = if is_base64 {
        Cow::Owned(STANDARD.decode(text).map_err(|_| InvalidBody::NotBase64)?)
    } else {
        Cow::Borrowed(text.as_bytes())
    };
    if bytes.len() > BODY_BYTES_MAX { Err(InvalidBody::TooLarge) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_as_it_is_or_as_base64() {
        assert_eq!(decode("a=b", false).unwrap().as_ref(), b"a=b");
        assert_eq!(decode("YT1i", true).unwrap().as_ref(), b"a=b");
        assert_eq!(decode("a=b", true), Err(InvalidBody::NotBase64));
    }

    #[test]
    fn a_body_that_is_too_large_is_refused_before_and_after_it_is_decoded() {
        assert!(decode(&"a".repeat(BODY_BYTES_MAX), false).is_ok());
        assert_eq!(decode(&"a".repeat(BODY_BYTES_MAX + 1), false), Err(InvalidBody::TooLarge));
        let encoded = |bytes: usize| STANDARD.encode(vec![b'a'; bytes]);
        assert!(decode(&encoded(BODY_BYTES_MAX), true).is_ok());
        assert_eq!(decode(&encoded(BODY_BYTES_MAX + 1), true), Err(InvalidBody::TooLarge));
        assert_eq!(decode(&"-".repeat(BODY_BYTES_MAX * 2 + 1), true), Err(InvalidBody::TooLarge));
    }
}
