//! How many tasks are accepted before `queue` waits, when none of them ends.

use std::future::Future;
use std::time::Duration;

use marionette_yardstick::figures::Figures;

use crate::in_process::contender::Contender;
use crate::in_process::work::{Failed, Work};
use crate::in_process::workload::Measurement;

/// A call that takes longer waits.
const PATIENCE: Duration = Duration::from_millis(100);

/// A contender that accepts more has no bound.
const MANY: u32 = 10_000;

/// The task: it never ends during the measurement.
#[derive(Clone)]
pub(crate) struct Stay;

impl Work for Stay {
    fn run(&self, _: u32) -> impl Future<Output = Result<(), Failed>> + Send + use<> {
        async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(())
        }
    }
}

/// One producer.
pub(super) struct Bound;

impl Measurement for Bound {
    type Work = Stay;

    async fn with<C: Contender<Stay>>(self) -> Figures {
        let mut contender = C::start().await;
        let mut accepted = 0;
        while accepted < MANY
            && tokio::time::timeout(PATIENCE, contender.queue(Stay))
                .await
                .is_ok()
        {
            accepted += 1;
        }
        Figures::from([("accepted", accepted.into())])
    }
}
