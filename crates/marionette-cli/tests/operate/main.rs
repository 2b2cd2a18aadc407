//! The operator's commands, end to end: the real program on real files, in which the library has
//! put jobs.

#[path = "../common/janitor.rs"]
mod janitor;
mod fixture;
mod shop;
mod story;
mod programs;
mod filters;
mod ids;
mod changes;
mod queues;
mod reschedule;
mod stores;
mod doctor;
mod hostile;
mod terminal;
mod many;
