//! Durations and times as people write and read them.

mod duration;
mod read;
mod resolve;
mod parts;
mod day;
mod show;

pub(crate) use duration::{parse_duration, show_duration};
pub(crate) use read::{When, parse_past_time, parse_time};
pub(crate) use show::{show_relative, show_time};
