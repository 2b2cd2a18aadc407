//! `marionette work`: the daemon that runs what was added.

use std::time::Duration;

use anyhow::Result;
use marionette::inspect::Inspect;
use marionette::store::JobState;
use marionette::{Events, Next};
use tokio::time::sleep;

use crate::args::{Common, Work};
use crate::output;
use crate::report;
use crate::room;
use crate::say::Say;
use crate::signals::{self, Signals};
use crate::store::{Opened, open_or_make, told};
use crate::worker::Worker;

/// How often a store is asked whether there is something left that nobody works on.
const LOOK: Duration = Duration::from_millis(200);
/// How often it is asked whether it can still be worked with.
const HEALTH: Duration = Duration::from_secs(1);

pub(crate) async fn work(common: &Common, args: &Work) -> Result<u8> {
    let say = Say::new(common);
    let mut signals = Signals::listen()?;
    let opened = open_or_make(common.store.as_ref()).await?;
    output::tidy(&opened).await?;
    let worker = Worker::new(&opened, args.queue.clone(), args.jobs)?;
    let teller = tokio::spawn(tell(worker.tasks.events(), say.clone()));
    worker.tasks.start();
    let _watch = room::Watch::begin(&opened, &say);
    say.note(&format!("working on the queue {}", args.queue.join(", ")));
    let asked = tokio::select! {
        asked = signals.next() => Some(asked),
        found = nothing_is_left(&worker, &opened, args) => { found?; None }
        broken = is_broken(&opened) => return Err(broken),
    };
    let report = match asked {
        Some(_) => signals::stop(&worker.tasks, &mut signals, &say).await,
        None => worker.tasks.stop().await,
    };
    let stats = worker.tasks.stats();
    worker.close().await;
    // It ends with the manager, once it has told all that happened.
    let _ = teller.await;
    say.note(&format!("stopped: {}", report::stopped(&stats, &report)));
    Ok(0)
}

/// Resolves when it shall end by itself: never, unless an option says so.
async fn nothing_is_left(worker: &Worker, opened: &Opened, args: &Work) -> Result<()> {
    let counts_as_left: &[JobState] = if args.once {
        &[JobState::Ready, JobState::Running]
    } else if args.until_idle {
        &[
            JobState::Ready,
            JobState::Running,
            JobState::Scheduled,
            JobState::Retrying,
        ]
    } else {
        return std::future::pending().await;
    };
    loop {
        worker.tasks.idle().await;
        let counts = opened.store.counts().await.map_err(told)?;
        let is_left = counts.iter().any(|count| {
            args.queue.contains(&count.queue)
                && counts_as_left.contains(&count.state)
                && count.jobs > 0
        });
        if !is_left {
            return Ok(());
        }
        sleep(LOOK).await;
    }
}

/// Resolves when nobody can work with the store any more, and says why.
async fn is_broken(opened: &Opened) -> anyhow::Error {
    loop {
        sleep(HEALTH).await;
        // Anything that is read will do.
        match opened.store.paused_queues().await {
            Err(error) if error.is_broken() => return told(error),
            _ => {}
        }
    }
}

/// Says what happens, until the manager is gone.
async fn tell(mut events: Events, say: Say) {
    while let Some(next) = events.next().await {
        match next {
            Next::Event(event) => report::tell(&event, &say),
            Next::Lost(lost) => say.note(&format!("{lost} events came too fast to be told")),
            _ => {}
        }
    }
}
