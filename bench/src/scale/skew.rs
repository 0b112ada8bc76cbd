//! Who is asked for how often: a few tenants much, most of them hardly ever.
//!
//! The rank r of a tenant, or of one of its documents, comes up in proportion to 1/r (Zipf's law with exponent 1). The
//! same run asks the same questions: chance is a sequence, not luck.

/// Zipf's law over up to so many ranks.
#[derive(Debug)]
pub(super) struct Skew {
    /// The sums 1, 1 + 1/2, 1 + 1/2 + 1/3, …
    sums: Vec<f64>,
}

impl Skew {
    pub(super) fn over(most: u32) -> Self {
        let sums = (1..=most.max(1)).scan(0.0, |sum, rank| {
            *sum += 1.0 / f64::from(rank);
            Some(*sum)
        });
        Self { sums: sums.collect() }
    }

    /// A rank from 0 among the first `among`, for a chance from 0 up to 1.
    pub(super) fn rank(&self, among: usize, chance: f64) -> usize {
        let last = among.clamp(1, self.sums.len()) - 1;
        let whole = self.sums.get(last).copied().unwrap_or_default();
        self.sums.partition_point(|sum| *sum <= chance * whole).min(last)
    }
}

/// Numbers that look like chance and are the same in every run: SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 up to 1, without 1.
    pub(super) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bits = u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or_default();
        f64::from(bits) / 4_294_967_296.0
    }
}

/// How many documents the tenant of this rank, from 1, has when the first has `most`: none has fewer than one.
pub(super) const fn documents_of(rank: u32, most: u32) -> u32 {
    let share = most / rank;
    if share == 0 { 1 } else { share }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rank_comes_up_twice_as_often_as_the_second_and_none_is_left_out() {
        let (skew, mut chance) = (Skew::over(1_000), Chance::new(7));
        let mut counts = vec![0_u32; 100];
        for _ in 0..100_000 {
            counts[skew.rank(100, chance.next())] += 1;
        }
        let ratio = f64::from(counts[0]) / f64::from(counts[1]);
        assert!((1.9..2.1).contains(&ratio), "{ratio}");
        assert!(counts.iter().all(|count| *count > 0));
    }

    #[test]
    fn ranks_stay_among_those_that_there_are() {
        let skew = Skew::over(10);
        for among in [0, 1, 3, 10, 99] {
            for chance in [0.0, 0.5, 0.999_999_9] {
                assert!(skew.rank(among, chance) < among.clamp(1, 10), "{among} {chance}");
            }
        }
    }

    #[test]
    fn two_runs_ask_the_same() {
        let (mut one, mut two) = (Chance::new(1), Chance::new(1));
        assert!((0..1_000).all(|_| one.next().to_bits() == two.next().to_bits()));
    }

    #[test]
    fn every_tenant_has_a_document() {
        assert_eq!([1, 2, 999, 1_000, 10_000].map(|rank| documents_of(rank, 1_000)), [1_000, 500, 1, 1, 1]);
    }
}
