//! Tags: of sessions, roles and resources. Keys are compared without case, values with it.
//!
//! Source: IAM User Guide, "Pass session tags in AWS STS" (limits and characters) and "Tags for IAM resources".

use std::collections::BTreeMap;

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// The most session tags of one session, passed and inherited together.
pub(crate) const TAGS_MAX: usize = 50;
/// The longest tag key, in characters.
pub(crate) const TAG_KEY_CHARS_MAX: usize = 128;
/// The longest tag value, in characters. The empty value is legal.
pub(crate) const TAG_VALUE_CHARS_MAX: usize = 256;

/// A set of tags: at most 50, keys unique without regard to case, characters of `[\p{L}\p{Z}\p{N}_.:/=+\-@]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, (String, String)>);

/// Why a set of tags is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// More than 50.
    #[error("{0} tags are more than the {TAGS_MAX} allowed")]
    TooMany(usize),
    /// The key is empty, too long or holds a forbidden character.
    #[error("the tag key `{0}` is not 1 to {TAG_KEY_CHARS_MAX} of letters, digits, spaces and _.:/=+-@")]
    Key(String),
    /// The value is too long or holds a forbidden character.
    #[error(
        "the value of tag `{0}` is not 0 to {TAG_VALUE_CHARS_MAX} of letters, digits, spaces and _.:/=+-@"
    )]
    Value(String),
    /// AWS keeps the prefix `aws:` for itself.
    #[error("the tag `{0}` begins with `aws:`, in its key or its value")]
    Reserved(String),
    /// Two keys that differ at most in case.
    #[error("the tag key `{0}` is given twice; tag keys differ in more than case")]
    Duplicate(String),
}

impl Tags {
    /// Session tags: checks every limit of AWS's.
    ///
    /// # Errors
    /// A [`TagError`] naming the first tag that AWS would refuse.
    pub fn new<K: Into<String>, V: Into<String>>(
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, TagError> {
        let tags = Self::of_resource(tags)?;
        if tags.len() > TAGS_MAX {
            return Err(TagError::TooMany(tags.len()));
        }
        for (key, value) in tags.iter() {
            if !(1..=TAG_KEY_CHARS_MAX).contains(&key.chars().count()) || !key.chars().all(is_allowed) {
                return Err(TagError::Key(key.to_owned()));
            }
            if value.chars().count() > TAG_VALUE_CHARS_MAX || !value.chars().all(is_allowed) {
                return Err(TagError::Value(key.to_owned()));
            }
            let reserved = |text: &str| text.to_lowercase().starts_with("aws:");
            if reserved(key) || reserved(value) {
                return Err(TagError::Reserved(key.to_owned()));
            }
        }
        Ok(tags)
    }

    /// Tags that a service already holds, some of them perhaps its own (`aws:…`): only duplicates are refused.
    ///
    /// # Errors
    /// [`TagError::Duplicate`], because condition keys could not tell the two apart.
    pub fn of_resource<K: Into<String>, V: Into<String>>(
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, TagError> {
        let mut kept = BTreeMap::new();
        for (key, value) in tags {
            let (key, value) = (key.into(), value.into());
            let folded = key.to_lowercase();
            if kept.contains_key(&folded) {
                return Err(TagError::Duplicate(key));
            }
            kept.insert(folded, (key, value));
        }
        Ok(Self(kept))
    }

    /// These tags, with those of `other` in place of equal keys.
    #[must_use]
    pub(crate) fn overlaid_by(mut self, other: &Self) -> Self {
        self.0.extend(other.0.iter().map(|(folded, tag)| (folded.clone(), tag.clone())));
        self
    }

    /// The value under this key, whatever its case.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(&key.to_lowercase()).map(|(_, value)| value.as_str())
    }

    /// `(key as given, value)`, in the order of the lower-cased keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.values().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]`.
fn is_allowed(one: char) -> bool {
    let by_category = matches!(
        one.general_category_group(),
        GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number | GeneralCategoryGroup::Separator
    );
    by_category || matches!(one, '_' | '.' | ':' | '/' | '=' | '+' | '-' | '@')
}
