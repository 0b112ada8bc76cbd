//! Opaque cursors: sealed with the tenant's own key, bound to one user and one list, good for a day.
//!
//! The key stands in the tenant's mapping row, where only a session of that tenant can read it. A cursor of
//! another tenant, another user or another list does not open, and neither does one that was altered.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};

use crate::{clock::epoch_s, ids::UserId};

/// How long a cursor continues a list.
const LASTS: Duration = Duration::from_secs(24 * 3600);

/// Longer texts are not looked at: a cursor holds a sort key of about 100 bytes.
const LENGTH_MAX: usize = 1024;

/// The tenant's key for sealing cursors: 32 random bytes.
#[derive(Clone)]
pub struct CursorKey([u8; 32]);

impl CursorKey {
    /// A new random key; `None` when the machine has no randomness to give.
    #[must_use]
    pub fn random() -> Option<Self> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// The key as it is kept; `None` unless there are exactly 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes to keep.
    #[must_use]
    pub const fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    fn aead(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM, &self.0).ok().map(LessSafeKey::new)
    }

    /// Seals `position` in `list` for `user`; `None` when the machine has no randomness to give.
    #[must_use]
    pub fn seal(&self, list: &str, user: UserId, position: &str, now: SystemTime) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let mut sealed = (epoch_s(now + LASTS)).to_be_bytes().to_vec();
        sealed.extend_from_slice(position.as_bytes());
        self.aead()?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound_to(list, user), &mut sealed)
            .ok()?;
        Some(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// The position that was sealed.
    ///
    /// # Errors
    /// When the text was not sealed with this key for this list and user, or is older than a day.
    pub fn open(
        &self,
        list: &str,
        user: UserId,
        text: &str,
        now: SystemTime,
    ) -> Result<String, InvalidCursor> {
        if text.len() > LENGTH_MAX {
            return Err(InvalidCursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(InvalidCursor)?;
        let mut sealed = sealed.to_vec();
        let opened = self
            .aead()
            .ok_or(InvalidCursor)?
            .open_in_place(Nonce::assume_unique_for_key(*nonce), bound_to(list, user), &mut sealed)
            .map_err(|_| InvalidCursor)?;
        let (expires, position) = opened.split_first_chunk::<8>().ok_or(InvalidCursor)?;
        if u64::from_be_bytes(*expires) <= epoch_s(now) {
            return Err(InvalidCursor);
        }
        String::from_utf8(position.to_vec()).map_err(|_| InvalidCursor)
    }
}

fn bound_to(list: &str, user: UserId) -> Aad<String> {
    Aad::from(format!("strongroom cursor v1\n{list}\n{user}"))
}

impl fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKey(…)")
    }
}

/// A text that is no cursor of this list for this user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this list")]
pub struct InvalidCursor;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    #[test]
    fn a_cursor_opens_for_its_user_list_tenant_and_day_only() {
        let (key, user) = (CursorKey::random().unwrap(), UserId::random());
        let cursor = key.seal("documents", user, "a#b", NOW).unwrap();
        assert_eq!(key.open("documents", user, &cursor, NOW).as_deref(), Ok("a#b"));
        let other = CursorKey::random().unwrap();
        for (opened, why) in [
            (other.open("documents", user, &cursor, NOW), "another tenant's key"),
            (key.open("documents", UserId::random(), &cursor, NOW), "another user"),
            (key.open("shares", user, &cursor, NOW), "another list"),
            (key.open("documents", user, &cursor, NOW + LASTS), "too old"),
            (key.open("documents", user, "", NOW), "empty"),
            (key.open("documents", user, &cursor.repeat(20), NOW), "too long"),
        ] {
            assert_eq!(opened, Err(InvalidCursor), "{why}");
        }
    }

    #[test]
    fn every_altered_character_is_noticed() {
        let (key, user) = (CursorKey::random().unwrap(), UserId::random());
        let cursor = key.seal("documents", user, "a#b", NOW).unwrap();
        for at in 0..cursor.len() {
            let mut altered = cursor.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(altered == cursor || key.open("documents", user, &altered, NOW).is_err(), "at {at}");
        }
    }
}
