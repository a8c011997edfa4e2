//! The random numbers of battles: xoshiro256++ 1.0 (Blackman and Vigna, public domain, <https://prng.di.unimi.it/>), its state
//! filled by `SplitMix64`. Written out so that a seed gives the same battles on every platform and with every version of
//! every crate.

/// A generator; copying it forks the sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Self {
        let mut counter = seed;
        Self { state: std::array::from_fn(|_| split_mix(&mut counter)) }
    }

    /// The generator of a place in a larger computation, e.g. seed, first id, second id: each place has its own sequence,
    /// so work can be shared among threads in any order.
    pub fn of(parts: &[u64]) -> Self {
        let mut seed = 0;
        for &part in parts {
            let mut counter = seed ^ part;
            seed = split_mix(&mut counter);
        }
        Self::new(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number below `bound`, by multiplication of the upper 32 bits. Uneven by at most `bound` in 2^32, far below what any
    /// number of battles could show.
    pub fn below(&mut self, bound: u32) -> u32 {
        (((self.next_u64() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// True `numerator` times in `denominator`.
    pub fn chance(&mut self, numerator: u32, denominator: u32) -> bool {
        self.below(denominator) < numerator
    }
}

/// `SplitMix64` (Steele, Lea and Flood 2014).
fn split_mix(counter: &mut u64) -> u64 {
    *counter = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *counter;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_is_that_of_the_reference_implementation() {
        let mut rng = Rng { state: [1, 2, 3, 4] };
        let got: [u64; 5] = std::array::from_fn(|_| rng.next_u64());
        assert_eq!(
            got,
            [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386, 9_228_616_714_210_784_205]
        );
        let mut counter = 1_234_567;
        assert_eq!(split_mix(&mut counter), 6_457_827_717_110_365_317);
    }

    #[test]
    fn numbers_below_a_bound_are_even() {
        let mut rng = Rng::new(7);
        let mut counts = [0_u32; 16];
        for _ in 0..160_000 {
            counts[rng.below(16) as usize] += 1;
        }
        assert!(counts.iter().all(|&n| (9_600..10_400).contains(&n)), "{counts:?}");
    }
}
