//! Chance from a seed: xoshiro256++ of Blackman and Vigna, seeded by their splitmix64 (<https://prng.di.unimi.it>). Documented and
//! fixed, so that a seed means the same requests with every version and on every machine; for the same reason the logarithm is made
//! here from the four operations that IEEE 754 defines to the last bit, which those of the systems' libraries are not.

/// A stream of numbers.
#[derive(Debug, Clone)]
pub(super) struct Random {
    state: [u64; 4],
}

impl Random {
    /// The stream of this number under this seed: every user has one of their own.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut at = seed;
        let mut at = splitmix(&mut at) ^ stream.wrapping_mul(0xD1B5_4A32_D192_ED03);
        Self { state: std::array::from_fn(|_| splitmix(&mut at)) }
    }

    pub(super) fn next(&mut self) -> u64 {
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

    /// Uniform over `0..below`, which has to be above 0. The bias of the product is below 2⁻³² for what is asked here.
    pub(super) fn below(&mut self, below: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(below)) >> 64) as u64
    }

    /// In `(0, 1]`, in steps of 2⁻⁵³.
    pub(super) fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Exponentially distributed with mean 1: the time between events that know nothing of each other.
    pub(super) fn wait(&mut self) -> f64 {
        -ln(self.unit())
    }

    pub(super) fn chance(&mut self, share: f64) -> bool {
        self.unit() <= share
    }
}

fn splitmix(at: &mut u64) -> u64 {
    *at = at.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*at ^ (*at >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The natural logarithm of a normal positive number, to twelve digits: `ln(m · 2^e) = e · ln 2 + 2 artanh((m - 1) / (m + 1))`.
fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let exponent = f64::from(u16::try_from(bits >> 52).unwrap_or(0)) - 1023.0;
    let mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    let z = (mantissa - 1.0) / (mantissa + 1.0);
    let square = z * z;
    let (mut power, mut sum) = (z, 0.0);
    for odd in (1_u32..28).step_by(2) {
        sum += power / f64::from(odd);
        power *= square;
    }
    exponent * std::f64::consts::LN_2 + 2.0 * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        let mut random = Random { state: [1, 2, 3, 4] };
        let first: Vec<u64> = (0..4).map(|_| random.next()).collect();
        assert_eq!(first, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
        let mut at = 1_234_567;
        assert_eq!(splitmix(&mut at), 6_457_827_717_110_365_317);
    }

    #[test]
    fn logarithms_are_right() {
        for x in [1.0, 0.5, 0.999_999, 0.1, 1e-9, 1.0 / (1_u64 << 53) as f64, 1.999, 37.5] {
            assert!((ln(x) - f64::ln(x)).abs() < 1e-11, "{x}: {} {}", ln(x), f64::ln(x));
        }
    }

    #[test]
    fn waits_have_mean_one_and_streams_differ() {
        let mut random = Random::new(7, 0);
        let mean = (0..20_000).map(|_| random.wait()).sum::<f64>() / 20_000.0;
        assert!((mean - 1.0).abs() < 0.03, "{mean}");
        assert_ne!(Random::new(7, 0).next(), Random::new(7, 1).next());
        assert_ne!(Random::new(7, 0).next(), Random::new(8, 0).next());
    }
}
