//! The key that signs registrations. It never leaves KMS, so nothing that this product leaks can forge one.

use std::{fmt, time::SystemTime};

use aws_sdk_kms::{
    error::SdkError, operation::verify_mac::VerifyMacError, primitives::Blob, types::MacAlgorithmSpec,
};
use aws_types::SdkConfig;

use super::registration::{Registration, Signed};

/// Why a registration could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// KMS did not sign.
    #[error("the registration could not be signed")]
    Kms(#[source] Box<aws_sdk_kms::Error>),
    /// KMS answered with something that is no HMAC-SHA-256.
    #[error("the reply to GenerateMac has no MAC of its length")]
    NoMac,
}

/// Why a field is not taken for a registration.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It was not signed with this key as a registration, or it was altered since.
    #[error("not a registration of this deployment")]
    Forged,
    /// Its time is over.
    #[error("the registration has expired")]
    Expired,
    /// KMS could not say.
    #[error("the registration could not be verified")]
    Kms(#[source] Box<aws_sdk_kms::Error>),
}

/// An HMAC key in KMS (`HMAC_256`).
pub struct RegistrationKey {
    kms: aws_sdk_kms::Client,
    arn: String,
}

impl fmt::Debug for RegistrationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegistrationKey({})", self.arn)
    }
}

impl RegistrationKey {
    /// The key with this ARN; `base` carries the function's own credentials.
    #[must_use]
    pub fn new(base: &SdkConfig, arn: String) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one door to the key")]
        let kms = aws_sdk_kms::Client::new(base);
        Self { kms, arn }
    }

    /// The text of `registration` for a hidden field of a form: at most 1024 characters of unpadded base64url
    /// and a dot.
    ///
    /// # Errors
    /// When KMS does not sign.
    pub async fn seal(&self, registration: &Registration) -> Result<String, SealError> {
        let message = registration.message().into_bytes();
        let reply = self
            .kms
            .generate_mac()
            .key_id(&self.arn)
            .mac_algorithm(MacAlgorithmSpec::HmacSha256)
            .message(Blob::new(message.clone()))
            .send()
            .await
            .map_err(|e| SealError::Kms(Box::new(e.into())))?;
        let mac = reply.mac.and_then(|mac| mac.into_inner().try_into().ok()).ok_or(SealError::NoMac)?;
        Ok(Signed { message, mac }.to_field())
    }

    /// The registration that a form brought back.
    ///
    /// # Errors
    /// When the field is not one that [`Self::seal`] wrote, its time is over, or KMS does not say.
    pub async fn open(&self, field: &str, now: SystemTime) -> Result<Registration, OpenError> {
        let Signed { message, mac } = Signed::of_field(field).ok_or(OpenError::Forged)?;
        let reply = self
            .kms
            .verify_mac()
            .key_id(&self.arn)
            .mac_algorithm(MacAlgorithmSpec::HmacSha256)
            .message(Blob::new(message.clone()))
            .mac(Blob::new(mac))
            .send()
            .await
            .map_err(refused)?;
        if !reply.mac_valid {
            return Err(OpenError::Forged);
        }
        // What is signed was written here, so what does not read as a registration was signed for something else.
        let registration = Registration::of_message(&message).ok_or(OpenError::Forged)?;
        if registration.is_expired(now) { Err(OpenError::Expired) } else { Ok(registration) }
    }
}

fn refused(error: SdkError<VerifyMacError>) -> OpenError {
    match error.as_service_error() {
        Some(VerifyMacError::KmsInvalidMacException(_)) => OpenError::Forged,
        _ => OpenError::Kms(Box::new(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        marketplace::script::Script,
        signup::registration::{LASTS, tests::registration},
    };

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn key(script: &Script) -> RegistrationKey {
        RegistrationKey::new(
            &script.config("us-east-1"),
            "arn:aws:kms:us-east-1:123456789012:key/k".to_owned(),
        )
    }

    fn says(valid: bool) -> (u16, String) {
        (200, json!({ "MacValid": valid }).to_string())
    }

    #[tokio::test]
    async fn what_is_sealed_opens_until_its_time_is_over() {
        let mac = json!({ "Mac": STANDARD.encode([9; 32]) }).to_string();
        let script = Script::of([(200, mac), says(true), says(true)]);
        let (key, sealed) = (key(&script), registration(Some("agmt-1"), NOW));
        let field = key.seal(&sealed).await.unwrap();
        assert_eq!(key.open(&field, NOW).await.unwrap(), sealed);
        assert!(matches!(key.open(&field, NOW + LASTS).await, Err(OpenError::Expired)));
        let sent: Value = serde_json::from_str(&script.sent()[1].body).unwrap();
        assert_eq!(sent["MacAlgorithm"], "HMAC_SHA_256");
        assert_eq!(sent["Mac"], STANDARD.encode([9; 32]));
        assert_eq!(sent["Message"], STANDARD.encode(sealed.message()));
    }

    #[tokio::test]
    async fn what_kms_does_not_vouch_for_is_forged_and_what_it_cannot_say_is_neither() {
        let field = |message: &str| Signed { message: message.as_bytes().to_vec(), mac: [9; 32] }.to_field();
        let ours = field(&registration(None, NOW).message());
        let invalid = (400, json!({ "__type": "KMSInvalidMacException" }).to_string());
        let script = Script::of([invalid, says(false), says(true), (400, json!({}).to_string())]);
        let key = key(&script);
        assert!(matches!(key.open(&ours, NOW).await, Err(OpenError::Forged)), "altered");
        assert!(matches!(key.open(&ours, NOW).await, Err(OpenError::Forged)), "not valid");
        let foreign = field("strongroom something else v1\nwhatever");
        assert!(matches!(key.open(&foreign, NOW).await, Err(OpenError::Forged)), "signed for something else");
        assert!(matches!(key.open(&ours, NOW).await, Err(OpenError::Kms(_))), "KMS cannot say");
        let asked = script.sent().len();
        assert!(matches!(key.open("not a field", NOW).await, Err(OpenError::Forged)));
        assert_eq!(script.sent().len(), asked, "KMS is not asked about what is no field");
    }
}
