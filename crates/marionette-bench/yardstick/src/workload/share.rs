//! Several processes on one store: each works from one sign of its parent to another, and tells how
//! many jobs it ran.

use std::io::{self, BufRead, Read};

use crate::contender::Contender;
use crate::figures::Figures;
use crate::job::Work;
use crate::order::Order;
use crate::tally::Tally;

/// What a process says as soon as it could work, as the first line of its answer.
pub const READY: &str = "ready=1";

pub(super) async fn work<C: Contender>(order: &Order) -> Figures {
    // Nobody knows how many jobs will be its own.
    let tally = Tally::new(u64::MAX);
    let (work, _) = Work::count(tally);
    let contender = C::open(order).await;
    println!("{READY}");
    wait_for(|mut input| input.read_line(&mut String::new())).await;
    contender.work(work).await;
    wait_for(|mut input| input.read_to_string(&mut String::new())).await;
    drop(contender);
    Figures::from([("ran", tally.done() as f64)])
}

/// Waits for a line of the parent, or for its end, on a thread that may block.
async fn wait_for(read: fn(io::StdinLock<'static>) -> io::Result<usize>) {
    let read = tokio::task::spawn_blocking(move || read(io::stdin().lock()));
    let read = read.await.expect("the thread ends");
    read.expect("the parent can be read");
}
