//! K1, the store alone: producers are killed at random moments, while others go on.

use std::time::Duration;

use crate::clock;
use crate::parent::{Parent, alone, times};

/// How many producers are killed in every run.
const KILLS: usize = 700;
/// How many live at once.
const LIVING: usize = 3;

#[tokio::test]
async fn what_a_producer_was_told_is_accepted_survives_it() {
    let _alone = alone();
    let mut parent = Parent::new();
    let begun = clock::now();
    let mut living: Vec<_> = (0..LIVING).map(|_| parent.start("produce")).collect();
    let kills = KILLS * times();
    for kill in 0..kills {
        clock::sleep(Duration::from_micros(parent.rng.u64(500..20_000)));
        // From before its store is open to the middle of its work.
        let victim = living.swap_remove(parent.rng.usize(..living.len()));
        parent.kill(victim);
        if kill + LIVING < kills {
            living.push(parent.start("produce"));
        }
    }
    let killed = begun.elapsed();
    let books = parent.end().await;
    println!(
        "{kills} producers killed in {killed:?}, all in {:?}: {}",
        begun.elapsed(),
        books.tell()
    );
    assert!(books.events.accepted().len() > kills, "they did something");
}
