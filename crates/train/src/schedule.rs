//! When to record.

/// Steps from 0 to `last`, evenly spaced on a logarithmic axis where that leaves integers: 0, 1, 2, …, each about
/// 1.2 times the one before, and `last`.
pub fn log_spaced(last: usize) -> Vec<usize> {
    let mut steps = vec![0];
    let mut next = 1;
    while next < last {
        steps.push(next);
        next = (next + 1).max(next * 6 / 5);
    }
    if last > 0 {
        steps.push(last);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_ascend_from_0_to_the_last() {
        for last in [0, 1, 2, 10, 1000, 32768] {
            let steps = log_spaced(last);
            assert!(steps.windows(2).all(|w| w[0] < w[1]), "{steps:?}");
            assert_eq!((steps[0], *steps.last().expect("0 is a step")), (0, last));
        }
        assert!(log_spaced(1 << 17).len() < 80, "few records for long runs");
    }
}
