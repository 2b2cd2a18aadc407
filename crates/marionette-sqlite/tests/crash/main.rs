//! `kill -9`, at any moment: no accepted job is lost, none is completed twice, and the jobs of a
//! dead process run again within a second. How it is done, and how more are killed, is said in
//! [`marionette_conformance::crash`].

#![cfg(unix)]

mod child;
mod clock;
mod engine;
#[cfg(feature = "failpoints")]
mod failpoints;
mod lease;

use std::fs::File;
use std::path::Path;

use marionette_conformance::crash::{Parent, kill_producers, poison_is_quarantined};

use crate::child::GROUND;

/// One test at a time, in whatever process: theirs are many, the cores are few, and time is
/// measured. It lasts until what is returned is dropped.
fn alone() -> File {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("crash.lock");
    let file = File::create(path).expect("the folder for tests is writable");
    file.lock().expect("a file can be locked");
    file
}

#[tokio::test]
async fn what_a_producer_was_told_is_accepted_survives_it() {
    let _alone = alone();
    println!("{}", kill_producers(Parent::new(&GROUND), 700).await);
}

#[tokio::test]
async fn a_job_that_kills_its_process_is_quarantined_and_the_others_flow() {
    let _alone = alone();
    println!("{}", poison_is_quarantined(Parent::new(&GROUND)).await);
}
