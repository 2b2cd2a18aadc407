//! K1, the store alone: producers are killed at random moments.

use std::time::Duration;

use crate::clock;
use crate::parent::{Parent, alone, times};

/// How many producers are killed in every run.
const KILLS: usize = 300;

#[tokio::test]
async fn what_a_producer_was_told_is_accepted_survives_it() {
    let _alone = alone();
    let mut parent = Parent::new();
    let begun = clock::now();
    for _ in 0..KILLS * times() {
        let process = parent.start("produce");
        // From before the store is open to the middle of its work.
        clock::sleep(Duration::from_micros(parent.rng.u64(1_000..60_000)));
        parent.kill(process);
    }
    let killed = begun.elapsed();
    let books = parent.end().await;
    let kills = KILLS * times();
    println!(
        "{kills} producers killed in {killed:?}, all in {:?}: {}",
        begun.elapsed(),
        books.tell()
    );
    assert!(books.events.accepted().len() > kills, "they did something");
}
