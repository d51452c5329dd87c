//! The simulator's own generator: the same numbers from the same seed, in every version and on every platform.
//!
//! Uses only operations whose results IEEE 754 fixes (no `ln`, `exp` or `cos` of the platform).

/// xoshiro256++ by Blackman and Vigna, seeded through splitmix64 as they recommend.
#[derive(Clone, Debug)]
pub(super) struct Random([u64; 4]);

impl Random {
    /// Starts the sequence that belongs to a seed.
    pub(super) fn new(seed: u64) -> Self {
        let mut state = seed;
        Self(std::array::from_fn(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }))
    }

    fn next(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Returns a number from 0 (included) to 1 (excluded).
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns a number between two bounds.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Returns a whole number below `bound`, which must be positive.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// Returns whether something with this probability happens.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Returns one of some things.
    pub(super) fn pick<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len())]
    }

    /// Returns the place of one of some weights, in proportion to them.
    pub(super) fn weighted(&mut self, weights: impl Iterator<Item = u32> + Clone) -> usize {
        let mut left = self.below(weights.clone().sum::<u32>() as usize) as u32;
        for (place, weight) in weights.enumerate() {
            match left.checked_sub(weight) {
                Some(rest) => left = rest,
                None => return place,
            }
        }
        unreachable!("the number drawn is below the sum of the weights")
    }

    /// Returns a number with a standard normal distribution, near enough: the sum of twelve uniform ones.
    pub(super) fn normal(&mut self) -> f64 {
        let mut sum = 0_u64;
        for _ in 0..3 {
            let draw = self.next();
            sum += (draw & 0xffff) + ((draw >> 16) & 0xffff) + ((draw >> 32) & 0xffff) + (draw >> 48);
        }
        (sum as f64 + 6.0) / 65_536.0 - 6.0
    }

    /// Returns how often something happens that happens `mean` times on average (Poisson).
    pub(super) fn count(&mut self, mean: f64) -> usize {
        // Knuth's product of uniform numbers, in pieces small enough that the bound does not vanish.
        const PIECE: f64 = 8.0;
        let pieces = (mean / PIECE) as usize;
        let mut count = 0;
        for piece in 0..=pieces {
            let mean = if piece < pieces { PIECE } else { mean - PIECE * pieces as f64 };
            let bound = exp(-mean);
            let mut product = self.unit();
            while product > bound {
                count += 1;
                product *= self.unit();
            }
        }
        count
    }

    /// Puts things into a random order.
    pub(super) fn shuffle<T>(&mut self, things: &mut [T]) {
        for end in (1..things.len()).rev() {
            things.swap(end, self.below(end + 1));
        }
    }
}

/// Returns e to the power of `x`, for `x` between -100 and 100, to about twelve digits.
pub(super) fn exp(x: f64) -> f64 {
    let small = x / 1024.0;
    let mut result =
        1.0 + small * (1.0 + small / 2.0 * (1.0 + small / 3.0 * (1.0 + small / 4.0 * (1.0 + small / 5.0))));
    for _ in 0..10 {
        result *= result;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_of_a_seed_is_fixed() {
        let mut random = Random::new(0);
        // The published first output of xoshiro256++ after seeding with splitmix64 from 0.
        assert_eq!(random.next(), 0x5317_5d61_490b_23df);
        assert_ne!(Random::new(1).next(), Random::new(2).next());
    }

    #[test]
    fn distributions_have_their_moments() {
        let mut random = Random::new(7);
        let n = 200_000;
        let draws: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let mean = draws.iter().sum::<f64>() / f64::from(n);
        let variance = draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "mean {mean}, variance {variance}");
        let counts: usize = (0..20_000).map(|_| random.count(20.5)).sum();
        assert!((counts as f64 / 20_000.0 - 20.5).abs() < 0.15, "{counts}");
    }

    #[test]
    fn exp_agrees_with_the_platform() {
        for x in [-20.0, -1.0, 0.0, 0.5, 10.0, 29.0_f64] {
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-9, "{x}");
        }
    }
}
