//! Without the feature `metrics`, nothing is reported.

use std::sync::Arc;

#[inline]
pub(crate) fn started(_server: &Arc<str>, _waited: u64) {}

#[inline]
pub(crate) fn retried(_server: &Arc<str>) {}

#[inline]
pub(crate) fn ended(_server: &Arc<str>, _outcome: &'static str, _ran: u64) {}
