//! K1, the store alone: producers are killed at random moments, while others go on.

use std::time::Duration;

use crate::crash::clock;
use crate::crash::parent::{Parent, times};

/// How many live at once.
const LIVING: usize = 3;

/// Kills this number of producers, and checks that what each was told is accepted survives it.
/// Returns what is to be told about it.
///
/// # Panics
///
/// If something is wrong.
pub async fn kill_producers(mut parent: Parent, kills: usize) -> String {
    let begun = clock::now();
    let mut living: Vec<_> = (0..LIVING).map(|_| parent.start("produce")).collect();
    let kills = kills * times();
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
    let accepted = books.events.accepted().len();
    assert!(accepted > kills, "they did something: {books}");
    let all = begun.elapsed();
    format!("{kills} producers killed in {killed:?}, all in {all:?}: {books}")
}
