//! How long a done job is kept, as the row of its lease: only who claimed the job has read its
//! options, and whoever settles it has the lease.

use std::time::Duration;

use super::length;

/// The row of the lease of a job whose options say this.
pub(crate) fn keep_row(keep_result: Option<Duration>) -> i64 {
    let micros = keep_result.map(length);
    micros.map_or(0, |micros| {
        i64::try_from(micros).map_or(i64::MAX, |it| it + 1)
    })
}

/// For how many microseconds a done job with a lease of this row is kept; `None` for as long as
/// others are.
pub(crate) fn kept(row: i64) -> Option<u64> {
    u64::try_from(row).ok()?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_of_a_lease_says_how_long_a_done_job_is_kept() {
        for keep in [0, 1, 7_000_000] {
            let row = keep_row(Some(Duration::from_micros(keep)));
            assert_eq!(kept(row), Some(keep));
        }
        assert_eq!(kept(keep_row(Some(Duration::MAX))), Some((1 << 53) - 1));
        assert_eq!(kept(keep_row(None)), None);
        assert_eq!(kept(-1), None);
    }
}
