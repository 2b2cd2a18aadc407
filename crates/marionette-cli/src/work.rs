//! `marionette work`: the daemon that runs the tasks that were added.

use std::time::Duration;

use anyhow::Result;
use marionette::Job;
use marionette::event::{Events, Received};
use marionette::stats::Stats;
use marionette::store::JobState;
use tokio::time::sleep;

use crate::args::Work;
use crate::command::Command;
use crate::common::Common;
use crate::console::Console;
use crate::console::report;
use crate::instance::health::{is_broken, is_hindered};
use crate::instance::manager::Instance;
use crate::instance::stop;
use crate::instance::watch::Watch;
use crate::process::signals::{Asked, Signals};
use crate::store::{Opened, explain, open_or_make};

/// How often to ask the store whether a task is left that nobody works on.
const LOOK: Duration = Duration::from_millis(200);

pub(crate) async fn work(common: &Common, args: &Work) -> Result<u8> {
    let console = Console::new(common);
    let mut signals = Signals::listen()?;
    let opened = open_or_make(common).await?;
    opened.check(&console)?;
    let instance = Instance::new(
        &opened,
        args.queue.clone(),
        args.jobs,
        args.outputs.keep_outputs,
    )?;
    let teller = tokio::spawn(tell(instance.tasks.events(), console.clone()));
    instance.start(&opened).await?;
    let watch = Watch::begin(&opened, &instance, &args.queue, &console);
    console.note(&format!("working on the queue {}", args.queue.join(", ")));
    let asked = tokio::select! {
        asked = signals.next() => Some(asked),
        found = nothing_is_left(&instance, &opened, args) => { found?; None }
        broken = is_broken(&opened) => return Err(broken),
        hindered = is_hindered(&opened, &instance), if counts_as_left(args).is_some() => {
            return Err(hindered);
        }
    };
    let report = match asked {
        Some(_) => stop::stop(&instance, &mut signals, args.stop_within, &console).await,
        None => instance.tasks.stop().await,
    };
    let stats = instance.tasks.stats();
    watch.end().await;
    instance.close().await;
    // The teller ends with the manager, once it has printed all events.
    let _ = teller.await;
    console.note(&format!("stopped: {}", report::stopped(&stats, &report)));
    status(&opened, args, asked, &stats).await
}

/// The exit status. A daemon that is told to stop has succeeded; one that was to end by itself
/// reports how its tasks went, as `run` does.
async fn status(opened: &Opened, args: &Work, asked: Option<Asked>, stats: &Stats) -> Result<u8> {
    let Some(states) = counts_as_left(args) else {
        return Ok(0);
    };
    match asked {
        Some(asked) if is_left(opened, args, states).await? => Ok(asked.status()),
        _ => Ok(u8::from(stats.failed + stats.cancelled + stats.expired > 0)),
    }
}

/// The states of tasks that keep it from ending by itself; `None` if it never ends by itself.
fn counts_as_left(args: &Work) -> Option<&'static [JobState]> {
    if args.once {
        Some(&[JobState::Ready, JobState::Running])
    } else if args.until_idle {
        Some(&[
            JobState::Ready,
            JobState::Running,
            JobState::Scheduled,
            JobState::Retrying,
        ])
    } else {
        None
    }
}

/// Whether its queues have tasks in these states.
async fn is_left(opened: &Opened, args: &Work, states: &[JobState]) -> Result<bool> {
    let counts = opened.store.counts().await.map_err(explain)?;
    Ok(counts.iter().any(|count| {
        // This program cannot run the tasks of other applications.
        let is_ours = args.queue.contains(&count.queue) && count.kind == Command::KIND;
        is_ours && states.contains(&count.state) && count.jobs > 0
    }))
}

/// Waits until it shall end by itself: for ever, unless an option says so.
async fn nothing_is_left(instance: &Instance, opened: &Opened, args: &Work) -> Result<()> {
    let Some(states) = counts_as_left(args) else {
        return std::future::pending().await;
    };
    loop {
        instance.tasks.idle().await;
        // A task that could not begin is tried again in a moment, until `is_hindered`.
        if !instance.trouble.has_put_off() && !is_left(opened, args, states).await? {
            return Ok(());
        }
        sleep(LOOK).await;
    }
}

/// Prints what happens until the manager is gone.
async fn tell(mut events: Events, console: Console) {
    while let Some(next) = events.recv().await {
        match next {
            Received::Event(event) => report::tell(&event, &console),
            Received::Lost(lost) => {
                console.note(&format!("{lost} events came too fast to be shown"));
            }
            _ => {}
        }
    }
}
