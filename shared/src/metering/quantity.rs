//! How much is billed: the Marketplace's integers, and how bytes become GiB.

use serde::{Deserialize, Serialize};

/// Bytes of a GiB.
pub const GIB: i64 = 1 << 30;

/// What one record can bill: 0 to 2,147,483,647, as the model of `BatchMeterUsage` has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Quantity(u32);

/// More than one record can bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record bills at most 2147483647 units")]
pub struct QuantityOverflow;

impl Quantity {
    /// The most.
    pub const MAX: Self = Self(i32::MAX.unsigned_abs());

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// As much of `amount` as one record can bill, none of what is below zero. What is cut off is for the
    /// caller to name: [`super::chain`] keeps it as late usage.
    #[must_use]
    pub fn at_most(amount: i64) -> Self {
        let cut = amount.clamp(0, i64::from(Self::MAX.0));
        u32::try_from(cut).map_or(Self::MAX, Self)
    }
}

impl TryFrom<u32> for Quantity {
    type Error = QuantityOverflow;

    fn try_from(number: u32) -> Result<Self, QuantityOverflow> {
        if number <= Self::MAX.0 { Ok(Self(number)) } else { Err(QuantityOverflow) }
    }
}

impl TryFrom<u64> for Quantity {
    type Error = QuantityOverflow;

    fn try_from(number: u64) -> Result<Self, QuantityOverflow> {
        u32::try_from(number).map_err(|_| QuantityOverflow)?.try_into()
    }
}

impl From<Quantity> for u32 {
    fn from(quantity: Quantity) -> Self {
        quantity.0
    }
}

impl From<Quantity> for i64 {
    fn from(quantity: Quantity) -> Self {
        Self::from(quantity.0)
    }
}

/// Whole GiB that hold `bytes`: rounded up, and nothing for nothing.
///
/// Up, because a part of a unit is use of it and the Marketplace's integers have no smaller one; to whole GiB
/// of the *sum*, because rounding each document up would bill a thousand times what a thousand small ones hold.
/// Below zero (clocks of two writers put a removal before its arrival) nothing is held.
#[must_use]
pub fn gib(bytes: i64) -> i64 {
    let bytes = bytes.max(0);
    bytes / GIB + i64::from(bytes % GIB != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gib_are_rounded_up_and_none_is_none() {
        for (bytes, whole) in
            [(0, 0), (1, 1), (GIB - 1, 1), (GIB, 1), (GIB + 1, 2), (-5, 0), (i64::MAX, 1 << 33)]
        {
            assert_eq!(gib(bytes), whole, "{bytes}");
        }
    }

    #[test]
    fn a_quantity_never_wraps() {
        assert_eq!(Quantity::try_from(2_147_483_647_u64).unwrap(), Quantity::MAX);
        assert_eq!(Quantity::try_from(2_147_483_648_u64), Err(QuantityOverflow));
        assert_eq!(Quantity::try_from(1_u64 << 32), Err(QuantityOverflow), "not 0");
        assert_eq!(Quantity::at_most(-1).get(), 0);
        assert_eq!(Quantity::at_most(i64::MAX), Quantity::MAX);
        assert!(serde_json::from_str::<Quantity>("2147483648").is_err());
    }

    proptest! {
        #[test]
        fn gib_are_enough_and_one_less_is_not(bytes in 1..i64::MAX - GIB) {
            prop_assert!(gib(bytes) * GIB >= bytes);
            prop_assert!((gib(bytes) - 1) * GIB < bytes);
        }
    }
}
