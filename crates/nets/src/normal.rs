//! Standard normal numbers that are the same on every machine and release.

use autodiff::Real;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// An endless sequence of independent N(0, 1) numbers, by the polar method (Marsaglia, Bray 1964) on ChaCha20.
pub(crate) struct Normal {
    rng: ChaCha20Rng,
    spare: Option<f64>,
}

impl Normal {
    /// The sequence of a seed and a stream; streams are independent.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        // The key holds the seed itself, so that no hash of another library stands between seed and numbers.
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = ChaCha20Rng::from_seed(key);
        rng.set_stream(stream);
        Self { rng, spare: None }
    }

    pub(crate) fn next(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (u, v) = (self.uniform(), self.uniform());
            let s = u * u + v * v;
            if s < 1.0 && s > 0.0 {
                // The crate's own logarithm: the platform's may differ in the last bit.
                let radius = (-2.0 * Real::log(s) / s).sqrt();
                self.spare = Some(v * radius);
                return u * radius;
            }
        }
    }

    /// Uniform on (−1, 1), with 53 random bits.
    fn uniform(&mut self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "53 bits are exact")]
        let bits = (self.rng.next_u64() >> 11) as f64;
        bits / (1_u64 << 52) as f64 - 1.0
    }
}
