//! The password with which an invited user signs in once. Pure but for the machine's randomness.

use std::fmt;

use ring::rand::{SecureRandom, SystemRandom};

/// Letters and digits that nobody takes for one another when they read them from a mail.
const LOWER: &[u8] = b"abcdefghijkmnpqrstuvwxyz";
const UPPER: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
const DIGITS: &[u8] = b"23456789";

/// Five groups of five, with a character of every kind that the pool's policy asks for. A letter is worth at
/// least 4.5 bits (256 is no multiple of 24), a digit 3: 105 bits, for the three days that the pool gives.
const GROUPS: [&[u8]; 5] = [LOWER, UPPER, DIGITS, LOWER, LOWER];
const GROUP_LENGTH: usize = 5;

/// A temporary password: `kfmzt-QWBXH-48273-rjdpa-uegcn`.
///
/// We make it, because what a user pool makes up itself is a matter of the service, and this way it is sure to
/// satisfy the pool's policy. Cognito mails it; nothing of ours keeps it.
pub(crate) struct TemporaryPassword(String);

impl TemporaryPassword {
    /// A new random one; `None` when the machine has no randomness to give.
    pub(crate) fn random() -> Option<Self> {
        let mut bytes = [0; GROUPS.len() * GROUP_LENGTH];
        SystemRandom::new().fill(&mut bytes).ok()?;
        let mut groups = Vec::with_capacity(GROUPS.len());
        for (letters, random) in GROUPS.iter().zip(bytes.chunks_exact(GROUP_LENGTH)) {
            let group: Option<String> = random
                .iter()
                .map(|byte| letters.get(usize::from(*byte) % letters.len()).copied().map(char::from))
                .collect();
            groups.push(group?);
        }
        Some(Self(groups.join("-")))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TemporaryPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TemporaryPassword(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_temporary_password_has_every_kind_of_character_and_never_comes_twice() {
        let all: HashSet<String> = (0..200).map(|_| TemporaryPassword::random().unwrap().0).collect();
        assert_eq!(all.len(), 200);
        for password in all {
            assert_eq!(password.len(), 29);
            for kind in [LOWER, UPPER, DIGITS, b"-"] {
                assert!(password.bytes().any(|b| kind.contains(&b)), "{kind:?}");
            }
            assert!(!password.contains(['0', 'O', '1', 'l', 'I', 'o']), "nothing to mistake");
        }
        assert_eq!(format!("{:?}", TemporaryPassword::random().unwrap()), "TemporaryPassword(…)");
    }
}
