//! D5: the process that is killed, and the one after it: each works and logs until it is killed.

use std::future;
use std::time::Duration;

use crate::contender::Contender;
use crate::figures::Figures;
use crate::job::Work;
use crate::log::{self, Log};
use crate::order::Order;

/// How long each job takes.
const TAKES: Duration = Duration::from_millis(5);

pub(super) async fn work<C: Contender>(order: &Order) -> Figures {
    let log = Log::open(&log::beside(&order.file));
    let contender = C::open(order).await;
    contender.work(Work::Log { log, takes: TAKES }).await;
    future::pending::<()>().await;
    drop(contender);
    Figures::new()
}
