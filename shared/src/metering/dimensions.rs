//! Which measure is billed as which listed dimension: configuration, checked when a function starts.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::usage::Measure;
use crate::ids::InvalidId;

/// A dimension's name, exactly as the listing has it: 1 to 255 characters, none of them a control.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Dimension(String);

impl Dimension {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Dimension {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let fits = (1..=255).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidId::expected("dimension of a listing")) }
    }
}

impl TryFrom<String> for Dimension {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<Dimension> for String {
    fn from(dimension: Dimension) -> Self {
        dimension.0
    }
}

/// What of a tenant's use is billed, and as what: `MEASURE=DIMENSION`, separated by commas.
///
/// A measure that is not named is recorded and not billed. Blanks belong to a name: the listing's case and
/// spelling must be met exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dimensions(Vec<(Measure, Dimension)>);

/// A configuration of dimensions that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDimensions {
    /// A part is not `MEASURE=DIMENSION`.
    #[error("a dimension should be MEASURE=DIMENSION")]
    Form,
    /// There is no such measure.
    #[error("a measure is unknown; there are documents_added, shares_created and storage_gib_hours")]
    Measure,
    /// The name cannot be a listed dimension's.
    #[error("the dimension of {0} should be 1 to 255 characters")]
    Name(Measure),
    /// A measure would be billed twice.
    #[error("{0} is billed twice")]
    Twice(Measure),
    /// Two measures would be one dimension: the second would be a duplicate of the first, and never billed.
    #[error("two measures share the dimension of {0}")]
    Shared(Measure),
}

impl Dimensions {
    /// Each measure that is billed, with its dimension.
    pub fn iter(&self) -> impl Iterator<Item = (Measure, &Dimension)> {
        self.0.iter().map(|(measure, dimension)| (*measure, dimension))
    }

    /// The dimension that a measure is billed as.
    #[must_use]
    pub fn of(&self, measure: Measure) -> Option<&Dimension> {
        self.iter().find_map(|(of, dimension)| (of == measure).then_some(dimension))
    }
}

impl FromStr for Dimensions {
    type Err = InvalidDimensions;

    fn from_str(text: &str) -> Result<Self, InvalidDimensions> {
        let mut dimensions = Self(Vec::new());
        for part in text.split(',') {
            let (measure, name) = part.split_once('=').ok_or(InvalidDimensions::Form)?;
            let measure: Measure = measure.parse().map_err(|_| InvalidDimensions::Measure)?;
            let name: Dimension = name.parse().map_err(|_| InvalidDimensions::Name(measure))?;
            if dimensions.of(measure).is_some() {
                return Err(InvalidDimensions::Twice(measure));
            }
            if dimensions.iter().any(|(_, other)| *other == name) {
                return Err(InvalidDimensions::Shared(measure));
            }
            dimensions.0.push((measure, name));
        }
        Ok(dimensions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_measure_has_its_own_dimension() {
        let all = "documents_added=documents_added,shares_created=Shares,storage_gib_hours=GiB hours";
        let all: Dimensions = all.parse().unwrap();
        assert_eq!(all.of(Measure::SharesCreated).unwrap().as_str(), "Shares");
        assert_eq!(all.of(Measure::StorageGibHours).unwrap().as_str(), "GiB hours");
        let one: Dimensions = "documents_added=documents_added".parse().unwrap();
        assert_eq!(one.of(Measure::SharesCreated), None, "what is not named is not billed");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        use InvalidDimensions::{Form, Name, Shared, Twice};
        for (text, why) in [
            ("", Form),
            ("documents_added", Form),
            ("documents_added=a,", Form),
            ("documents=a", InvalidDimensions::Measure),
            (" documents_added=a", InvalidDimensions::Measure),
            ("documents_added=", Name(Measure::DocumentsAdded)),
            ("documents_added=a\nb", Name(Measure::DocumentsAdded)),
            ("documents_added=a,documents_added=b", Twice(Measure::DocumentsAdded)),
            ("documents_added=a,shares_created=a", Shared(Measure::SharesCreated)),
        ] {
            assert_eq!(text.parse::<Dimensions>(), Err(why), "{text}");
        }
        assert!("ä".repeat(255).parse::<Dimension>().is_ok(), "characters, not bytes");
        assert!("a".repeat(256).parse::<Dimension>().is_err());
    }
}
