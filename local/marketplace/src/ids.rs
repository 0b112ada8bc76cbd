//! What the Marketplace makes up: agreements, licences, offers, tokens, accounts. Knows their look only.
//!
//! They follow from one seed, so that a simulation which is run again sees the same names. None of them is a
//! secret worth guessing: everything here lives on one machine and for one run.

/// The account that issues licences ("arn:aws:license-manager::294406891311:license:l-…", as in real events).
const ISSUER: &str = "294406891311";

const LOWER: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &[u8; 16] = b"0123456789abcdef";
const DECIMAL: &[u8; 10] = b"0123456789";
const WORD: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A row of names that never repeats in practice (SplitMix64; Steele, Lea and Flood, OOPSLA 2014).
#[derive(Debug, Clone)]
pub(crate) struct Ids(u64);

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn text(&mut self, of: &[u8], length: usize) -> String {
        let count = u64::try_from(of.len()).unwrap_or(1);
        let mut letter = || {
            let place = usize::try_from(self.next() % count).unwrap_or(0);
            char::from(of.get(place).copied().unwrap_or(b'0'))
        };
        (0..length).map(|_| letter()).collect()
    }

    pub(crate) fn agreement(&mut self) -> String {
        format!("agmt-{}", self.text(LOWER, 25))
    }

    pub(crate) fn license(&mut self) -> String {
        format!("arn:aws:license-manager::{ISSUER}:license:l-{}", self.text(HEX, 32))
    }

    pub(crate) fn offer(&mut self) -> String {
        format!("offer-{}", self.text(LOWER, 13))
    }

    pub(crate) fn product(&mut self) -> String {
        format!("prod-{}", self.text(LOWER, 13))
    }

    pub(crate) fn product_code(&mut self) -> String {
        self.text(LOWER, 25)
    }

    /// A buyer's account. Real numbers may begin with a zero, which a reader of numbers would lose.
    pub(crate) fn account(&mut self) -> String {
        format!("0{}", self.text(DECIMAL, 11))
    }

    /// An opaque token with everything in it that a form has to encode.
    pub(crate) fn token(&mut self) -> String {
        format!("{}+{}/{}==", self.text(WORD, 30), self.text(WORD, 30), self.text(WORD, 24))
    }

    /// The look of a random UUID (RFC 9562, version 4).
    pub(crate) fn uuid(&mut self) -> String {
        let groups = [self.text(HEX, 8), self.text(HEX, 4), self.text(HEX, 3), self.text(HEX, 3)];
        let [a, b, c, d] = groups;
        format!("{a}-{b}-4{c}-a{d}-{}", self.text(HEX, 12))
    }

    /// The id of a term, `term-` and 36 characters.
    pub(crate) fn term(&mut self) -> String {
        format!("term-{}", self.text(HEX, 36))
    }
}

/// Twelve digits.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_look_of_the_services_own_and_follow_from_the_seed() {
        let (mut ids, mut again) = (Ids::new(7), Ids::new(7));
        let agreement = ids.agreement();
        assert_eq!(agreement, again.agreement());
        assert_eq!(agreement.len(), "agmt-3k9x2m7q5v8c1z4t6w0b2n4d8".len());
        assert!(is_account(&ids.account()));
        assert_eq!(ids.uuid().len(), 36);
        assert_ne!(ids.token(), ids.token());
    }
}
