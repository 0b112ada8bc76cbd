//! Which part of a list a client asks for: how many rows, and where the list goes on. Knows no list.
//!
//! What a cursor means is its list's own affair ([`crate::cursor`] seals it); here it is text of a client.

/// The most rows of one page.
pub const PAGE_MAX: u8 = 100;
/// What a page holds when nobody asks for a size.
pub const PAGE_DEFAULT: u8 = 25;

/// How many rows a page may hold, 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(u8);

impl PageSize {
    /// Reads a size; `None` outside 1 to 100.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|size| (1..=PAGE_MAX).contains(size)).map(Self)
    }

    /// The size.
    pub(crate) fn rows(self) -> usize {
        usize::from(self.0)
    }

    /// The size, as DynamoDB's `Limit` takes it.
    pub(crate) fn limit(self) -> i32 {
        i32::from(self.0)
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self(PAGE_DEFAULT)
    }
}

/// One page of a list, as a client asks for it.
#[derive(Debug, Clone, Copy, Default)]
pub struct PageRequest<'a> {
    /// The most rows that it may hold.
    pub size: PageSize,
    /// Where it begins, as the page before it said; none: at the list's beginning.
    pub cursor: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_holds_one_to_a_hundred_rows() {
        for (text, rows) in [("1", 1), ("25", 25), ("100", 100)] {
            assert_eq!(PageSize::parse(text).map(PageSize::rows), Some(rows));
        }
        for text in ["", "0", "101", "256", "-1", "1.5", " 1", "all"] {
            assert_eq!(PageSize::parse(text), None, "{text}");
        }
        assert_eq!(PageRequest::default().size.limit(), 25, "when nobody asks for a size");
    }
}
