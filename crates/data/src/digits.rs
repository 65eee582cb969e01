//! The embedded digits: 1797 images of 8 × 8 pixels (E. Alpaydin, C. Kaynak 1998, UCI; CC BY 4.0, see
//! `digits/CREDITS.md`).

use crate::idx::Idx;

/// Labelled images of handwritten digits.
#[derive(Clone, Debug)]
pub struct Digits {
    /// 1797 × 8 × 8 pixels with values from 0 to 16.
    pub images: Idx,
    /// The digit each image shows.
    pub labels: Vec<u8>,
}

/// The test part of the UCI *Optical Recognition of Handwritten Digits* (Alpaydin and Kaynak 1998, CC BY 4.0).
pub fn digits() -> Digits {
    let images = Idx::read(include_bytes!("../digits/digits-images-idx3-ubyte.gz"));
    let labels = Idx::read(include_bytes!("../digits/digits-labels-idx1-ubyte.gz"));
    let (Ok(images), Ok(labels)) = (images, labels) else { unreachable!("the embedded files are sound") };
    Digits { images, labels: labels.into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::digits;

    /// The nearest of 256 images has the right label for most others, where chance has it for a tenth: images and labels
    /// belong together.
    #[test]
    fn nearest_neighbours_share_labels() {
        let digits = digits();
        let image = |i: usize| &digits.images.bytes()[64 * i..][..64];
        let distance = |i: usize, j: usize| -> i32 {
            image(i).iter().zip(image(j)).map(|(&a, &b)| (i32::from(a) - i32::from(b)).pow(2)).sum()
        };
        let nearest = |i: usize| (0..256).min_by_key(|&j| distance(i, j)).expect("256 images");
        let right = (256..1256).filter(|&i| digits.labels[nearest(i)] == digits.labels[i]).count();
        assert!(right > 500, "{right} of 1000");
    }
}
