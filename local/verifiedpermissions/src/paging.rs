//! One page of a list that changes while it is read. Knows numbers; the items are the caller's.
//!
//! A page ends at the number of its last item, numbers never come again, and the token is good only
//! for the list and filter that it was made for. So an item that stays is listed exactly once,
//! whatever comes and goes between two pages.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::fault::Fault;
use crate::wire::{Members, NEXT_TOKEN};

/// The service's greatest page, of every list.
const PAGE_MAX: i64 = 50;

/// What part of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    /// Only items with a greater number.
    pub(crate) after: u64,
    /// At most so many of them.
    pub(crate) limit: usize,
    of: u64,
}

impl Page {
    /// Reads `maxResults` and `nextToken`. `of` is what the token is bound to: operation, store, filter.
    pub(crate) fn of_request(input: &Members<'_>, default: usize, of: &impl Hash) -> Result<Self, Fault> {
        let limit = match input.integer("maxResults")? {
            None => default,
            Some(number) if (1..=PAGE_MAX).contains(&number) => usize::try_from(number).unwrap_or(default),
            Some(_) => return Err(input.invalid("maxResults", format!("must be from 1 to {PAGE_MAX}"))),
        };
        let mut hasher = DefaultHasher::new();
        of.hash(&mut hasher);
        let of = hasher.finish();
        let after = match input.text("nextToken", &NEXT_TOKEN)? {
            None => 0,
            Some(token) => {
                read(token, of).ok_or_else(|| input.invalid("nextToken", "is not a token of this list"))?
            }
        };
        Ok(Self { after, limit, of })
    }

    /// The items of this page, and the token of the next if there is one. `items` come by rising number.
    pub(crate) fn cut<T>(self, items: impl Iterator<Item = (u64, T)>) -> (Vec<T>, Option<String>) {
        let mut page = Vec::new();
        let mut last = self.after;
        for (number, item) in items.filter(|(number, _)| *number > self.after) {
            if page.len() == self.limit {
                return (page, Some(format!("{last:016x}.{:016x}", self.of)));
            }
            page.push(item);
            last = number;
        }
        (page, None)
    }
}

fn read(token: &str, of: u64) -> Option<u64> {
    let (after, made_for) = token.split_once('.')?;
    if u64::from_str_radix(made_for, 16).ok()? != of {
        return None;
    }
    u64::from_str_radix(after, 16).ok()
}
