//! Where and when figures were measured.

use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// The processor, its cores, and whether it has AVX-512.
pub(crate) fn processor() -> String {
    describe(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default())
}

fn describe(cpuinfo: &str) -> String {
    let values = |key: &str| -> Vec<&str> {
        let fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        fields.filter(|(name, _)| name.trim() == key).map(|(_, value)| value.trim()).collect()
    };
    let cores = values("processor").len();
    let Some(model) = values("model name").first().copied() else {
        return "an unknown processor".into();
    };
    let wide = values("flags").first().is_some_and(|flags| flags.split(' ').any(|flag| flag == "avx512f"));
    let plural = if cores == 1 { "" } else { "s" };
    format!("{model}, {cores} core{plural}, {} AVX-512", if wide { "with" } else { "without" })
}

/// Today, in UTC.
pub(crate) fn date() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let [year, month, day] = civil(seconds / 86_400);
    format!("{year}-{month:02}-{day:02}")
}

/// The year, month and day that many days after 1970-01-01. On the way years begin with March, so that leap
/// days come last.
fn civil(days: u64) -> [u64; 3] {
    // 0000-03-01 was 719 468 days before; 400 years have 146 097.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Months from March have 31, 30, 31, 30, 31 days, and again: 153 in five.
    let month = (5 * day + 2) / 153;
    let (year, day) = (400 * era + year, day - (153 * month + 2) / 5 + 1);
    if month < 10 { [year, month + 3, day] } else { [year + 1, month - 9, day] }
}

/// The commit of the working tree, marked if files differ from it; `None` without git.
pub(crate) fn commit() -> Option<String> {
    let arguments = ["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty", "--exclude=*"];
    let output =
        Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_described() {
        let one = "processor\t: 0\nmodel name\t: Good One\nflags\t\t: fpu avx2\n";
        assert_eq!(describe(one), "Good One, 1 core, without AVX-512");
        let two = "processor : 0\nmodel name : Good Two\nflags : avx2 avx512f\nprocessor : 1\n";
        assert_eq!(describe(two), "Good Two, 2 cores, with AVX-512");
        assert_eq!(describe(""), "an unknown processor");
    }

    #[test]
    fn days_are_dates() {
        assert_eq!(civil(0), [1970, 1, 1]);
        assert_eq!(civil(11_016), [2000, 2, 29]);
        assert_eq!(civil(11_017), [2000, 3, 1]);
        assert_eq!(civil(20_453), [2025, 12, 31]);
        assert_eq!(civil(20_454), [2026, 1, 1]);
    }
}
