//! The durable workloads, each for any contender.

pub mod enqueue;
pub mod share;

mod drain;
mod due;
mod idle;
mod killed;
mod latency;
mod open;

use std::path::Path;

use crate::contender::Contender;
use crate::figures::Figures;
use crate::order::{Order, Step};

/// Does what is ordered, on the runtime that the caller blocks on.
///
/// # Panics
///
/// When the contender does not do the work: then there is no figure.
pub async fn measure<C: Contender>(order: Order) -> Figures {
    let count = order.count;
    match order.step {
        Step::Open => return open::measure::<C>(&order).await,
        Step::Log => return killed::work::<C>(&order).await,
        Step::Share => return share::work::<C>(&order).await,
        _ => {}
    }
    let contender = C::open(&order).await;
    match order.step {
        Step::One => enqueue::one_by_one(contender, count).await,
        Step::Callers => enqueue::callers(contender, count).await,
        Step::Many => enqueue::many(contender, count).await,
        Step::Bulk => enqueue::bulk(contender, count).await,
        Step::Fill => {
            enqueue::many(contender, count).await;
            Figures::from([("bytes", bytes(&order.file) as f64 / f64::from(count))])
        }
        Step::Drain => drain::measure(contender, count).await,
        Step::Latency => latency::measure(contender, count).await,
        Step::Due => due::measure(contender, count).await,
        Step::Idle => idle::measure(contender, count).await,
        Step::Open | Step::Log | Step::Share => unreachable!("they open the store themselves"),
        Step::Elsewhere | Step::Claim => panic!("a step of Marionette's own program"),
    }
}

/// What the file takes on the disk, with what the database puts beside it while it is open.
fn bytes(file: &Path) -> u64 {
    let beside = |suffix: &str| {
        let mut path = file.as_os_str().to_owned();
        path.push(suffix);
        path
    };
    ["", "-wal", "-journal"]
        .into_iter()
        .filter_map(|suffix| std::fs::metadata(beside(suffix)).ok())
        .map(|metadata| metadata.len())
        .sum()
}
