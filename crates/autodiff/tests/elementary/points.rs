//! Where functions are tried.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, LN_2, SQRT_2};

use crate::Format;

/// Where functions are difficult or change their ways, of either sign: at 0 and at the ends of either
/// format's range; at branches; at over- and underflow of e^x, e^{−x²/2} and 1/x; at zeros of derivatives;
/// and at the `f64` nearest to a multiple of π/2.
#[rustfmt::skip]
const PLACES: &[f64] = &[
    0.0, 1.0, f32::MIN_POSITIVE as f64, f64::MIN_POSITIVE, f32::MAX as f64, f64::MAX,
    0.25, 0.5 * LN_2, 0.4142135623730951, 0.55, FRAC_1_SQRT_2, 0.84, 0.881373587019543,
    SQRT_2, 2.0, 4.0, 6.0, 9.1, 10.0, 15.0, 19.1, 20.0, 39.0, 40.0, 120.0, 760.0, 800.0,
    65536.0, 1073741824.0, 4294967296.0, 1.152921504606847e18, 1.8014398509481984e16,
    709.782712893384, 708.3964185322641, 745.1332191019411, 88.72283905206835,
    87.3365447505531, 103.97207708399179,
    37.5, 38.5, 13.2, 14.2, 1e154, 1.3407807929942597e154, 1.8446744073709552e19, 8.988465674311579e307,
    1.278464542761074, 0.7517915246935645, 5.319372648326541e255,
];

/// SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, n: u64) -> u64 {
        self.bits() % n
    }

    /// As likely of any number of bits, up to `bits`.
    pub(crate) fn of_any_length(&mut self, bits: u64) -> u64 {
        self.bits() >> (64 - self.below(bits) - 1)
    }
}

/// Finite numbers other than 0, a quarter each: of any bits; of any magnitude between 2⁻⁴⁰ and 2¹¹; as many
/// floats away from a place as a number of any length; and so from a multiple of π/2 or of ½ log 2, where
/// arguments are reduced.
pub(crate) fn points<T: Format>(count: usize) -> Vec<T> {
    let mut random = Random::new(T::PRECISION as u64);
    let mut points = Vec::with_capacity(count);
    while points.len() < count {
        let near = |place: f64, random: &mut Random| {
            let (place, distance) = (T::literal(place).bits(), random.of_any_length(T::PRECISION as u64 - 1));
            T::from_low(if random.below(2) == 0 { place + distance } else { place.wrapping_sub(distance) })
        };
        let x = match points.len() % 4 {
            0 => T::from_low(random.bits()),
            1 => T::literal(2.0_f64.powf(random.below(51 << 32) as f64 / 2.0_f64.powi(32) - 40.0)),
            2 => near(PLACES[random.below(PLACES.len() as u64) as usize], &mut random),
            _ => {
                let step = if random.below(2) == 0 { FRAC_PI_2 } else { 0.5 * LN_2 };
                near(step * random.of_any_length(40) as f64, &mut random)
            }
        };
        let x = if random.below(2) == 0 { x } else { -x };
        if x.is_finite() && x != T::zero() {
            points.push(x);
        }
    }
    points
}
