//! A claimed job as a task of the engine.

use std::sync::Arc;
use std::time::Duration;

use crate::cell::Waiting;
use crate::cell::body::Repeat;
use crate::cell::context::Context;
use crate::cell::details::Details;
use crate::cell::leased_job::{LeasedJob, failure};
use crate::cell::options::JobPlace;
use crate::clock::Tick;
use crate::id::Identity;
use crate::outcome::TaskError;
use crate::outcome::error::{Error, chain};
use crate::store::{Claimed, Next, PAYLOAD_BYTES_MAX, clip_error};
use crate::task::Own;
use crate::task::handlers::Runner;
use crate::task::stored_options::restored;

/// The one attempt that a claim allows.
struct HandlerAttempt {
    runner: Arc<dyn Runner>,
    payload: Vec<u8>,
    leased: Arc<LeasedJob>,
}

/// Turns a claimed job into a task that waits for a worker.
pub(crate) fn task(
    claimed: Claimed,
    kind: &'static str,
    runner: Arc<dyn Runner>,
    leased: Arc<LeasedJob>,
    now: Tick,
) -> Waiting {
    let failures = claimed
        .attempts
        .iter()
        .filter(|past| past.outcome.is_failure());
    let record = (claimed.failed > 0)
        .then(|| Error::restored(failures.map(failure).collect(), claimed.failed));
    let user = claimed.options.error.clone().map(Into::into);
    let due = before(now, claimed.age);
    let place = JobPlace {
        kind: claimed.kind,
        queue: claimed.queue,
    };
    let mut options = restored(claimed.options, kind);
    options.set_place(place);
    options.set_leased(Arc::clone(&leased));
    let details = Details::of_job(options, user, record, due);
    let attempt = HandlerAttempt {
        runner,
        payload: claimed.payload,
        leased,
    };
    let body = Repeat::new(
        Own(attempt),
        |Own(attempt): &mut Own<HandlerAttempt>, context| {
            let payload = std::mem::take(&mut attempt.payload);
            run(
                Arc::clone(&attempt.runner),
                payload,
                Arc::clone(&attempt.leased),
                context,
            )
        },
    );
    Waiting::alone(body, Identity::new(), Some(Box::new(details)))
}

async fn run(
    runner: Arc<dyn Runner>,
    payload: Vec<u8>,
    leased: Arc<LeasedJob>,
    context: Context,
) -> Result<(), TaskError> {
    let success = match runner.run(payload, context).await? {
        Ok(result) if result.len() <= PAYLOAD_BYTES_MAX => Next::Done(result),
        // The handler has done its work, which is not done again because its result cannot be kept.
        Ok(result) => {
            let bytes = result.len();
            Next::Unkept(format!(
                "it has {bytes} bytes, the limit is {PAYLOAD_BYTES_MAX}"
            ))
        }
        Err(error) => Next::Unkept(clip_error(chain(&error)).into_owned()),
    };
    leased.keep_success(success);
    Ok(())
}

/// The tick `ago` before `now`; the first tick if there is none so early.
pub(crate) fn before(now: Tick, ago: Duration) -> Tick {
    let nanos = u64::try_from(ago.as_nanos()).unwrap_or(u64::MAX);
    Tick::from_nanos(now.nanos().saturating_sub(nanos))
}
