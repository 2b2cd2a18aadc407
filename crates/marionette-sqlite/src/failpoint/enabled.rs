//! With the feature `failpoints`, a test may stop or kill the process at each of these.

use std::io;

/// The names of all fail points, for `fail::cfg`.
pub const FAIL_POINTS: &[&str] = &[
    "sqlite::batch::begin",
    "sqlite::batch::begun",
    "sqlite::batch::commit",
    "sqlite::batch::committed",
    "sqlite::batch::synced",
    "sqlite::batch::answered",
    "sqlite::sync::begin",
    "sqlite::sync::error",
    "sqlite::sync::done",
    "sqlite::read::begin",
    "sqlite::wake::begin",
    "sqlite::insert::begin",
    "sqlite::insert::row",
    "sqlite::insert::end",
    "sqlite::lane::made",
    "sqlite::claim::begin",
    "sqlite::claim::taken",
    "sqlite::claim::end",
    "sqlite::renew::begin",
    "sqlite::renew::locked",
    "sqlite::renew::known",
    "sqlite::renew::end",
    "sqlite::settle::begin",
    "sqlite::settle::attempt",
    "sqlite::settle::row",
    "sqlite::settle::end",
    "sqlite::sweep::begin",
    "sqlite::sweep::attempt",
    "sqlite::sweep::released",
    "sqlite::sweep::forgotten",
    "sqlite::sweep::unlinked",
    "sqlite::sweep::pruned",
    "sqlite::change::row",
    "sqlite::activity::noted",
    "sqlite::activity::changed",
    "sqlite::open::created",
    "sqlite::open::wal",
    "sqlite::migrate::begin",
    "sqlite::migrate::tables",
    "sqlite::migrate::commit",
    "sqlite::migrate::committed",
    "sqlite::checkpoint::begin",
    "sqlite::checkpoint::end",
];

pub(crate) fn at(point: &'static str) {
    debug_assert!(FAIL_POINTS.contains(&point), "{point} is not on the list");
    fail::fail_point!(point);
}

/// As [`at`], for a call to the disk, which a test may also make fail (`return`).
pub(crate) fn error_at(point: &'static str) -> io::Result<()> {
    const EIO: i32 = 5;
    debug_assert!(FAIL_POINTS.contains(&point), "{point} is not on the list");
    fail::fail_point!(point, |_| Err(io::Error::from_raw_os_error(EIO)));
    Ok(())
}
