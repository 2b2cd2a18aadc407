//! D6: a file full of waiting jobs: how long until it is open, until the first job starts, and how
//! fast some of the jobs are worked off.

use crate::clock;
use crate::contender::Contender;
use crate::figures::Figures;
use crate::job::Work;
use crate::order::Order;
use crate::tally::{PATIENCE, Tally};

pub(super) async fn measure<C: Contender>(order: &Order) -> Figures {
    let count = order.count;
    let tally = Tally::new(count.into());
    let (work, first) = Work::count(tally);
    let start = clock::now();
    let contender = C::open(order).await;
    let opened = clock::now();
    contender.work(work).await;
    let end = tally.wait(PATIENCE).await;
    let end = end.unwrap_or_else(|| panic!("{} of {count} jobs ran", tally.done()));
    drop(contender);
    let first = *first.get().expect("some ran, so one was the first");
    let millis = |from, to| clock::nanos_between(from, to) as f64 / 1e6;
    let seconds = end.duration_since(first).as_secs_f64();
    Figures::from([
        ("open_ms", millis(start, opened)),
        ("first_ms", millis(opened, first)),
        ("per_s", f64::from(count) / seconds),
    ])
}
