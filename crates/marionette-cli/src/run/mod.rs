//! `marionette run`: the commands of a file, each brought to its end once, however often this
//! process is killed in between.
//!
//! 1. The file is read, and locked by its name: nobody else runs it meanwhile.
//! 2. The ledger says whether a generation of it is unfinished; then that goes on, else a new one
//!    begins. A generation has a queue of its own.
//! 3. Each task becomes a job whose id follows from the generation and from what it runs, so that
//!    storing it twice is storing it once.
//! 4. A worker runs that queue until all has ended in the store, or a signal comes.
//! 5. The ledger notes that the generation is finished, and the summary is told.

mod ledger;
mod plan;
mod known;
mod board;
mod view;
mod summary;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use marionette::inspect::{Filter, Inspect, Which};
use marionette::store::{JobState, Store};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::args::{Common, Run};
use crate::input::{self, Options};
use crate::minder::orphans_have_gone;
use crate::output;
use crate::room;
use crate::say::Say;
use crate::signals::{self, Asked, Signals};
use crate::store::{Opened, open_or_make, told};
use crate::text::count;
use crate::worker::Worker;

use board::Board;
use known::Known;
use ledger::{Ledger, Turn};
use plan::Plan;
use view::View;

/// How many jobs are stored at once.
const BATCH: usize = 1_000;
/// How often the store is asked whether all has ended, which this process may not have seen.
const LOOK: Duration = Duration::from_secs(1);
/// How soon the store knows what happened here.
const SETTLING: Duration = Duration::from_millis(5);
/// After so many looks at a store in which nothing moves, that is said.
const STUCK_LOOKS: u32 = 10;
const STUCK: &str = "tasks are due, and nothing moves: the queue is paused, or the store cannot be \
                     written (is the disk full?); it goes on by itself once that has changed";
/// How often the bars are drawn.
const DRAW: Duration = Duration::from_millis(100);

pub(crate) async fn run(common: &Common, args: &Run) -> Result<u8> {
    let mut say = Say::new(common);
    let mut signals = Signals::listen()?;
    let file = input::read(&args.file, args.format)?;
    refuse_queues(&file)?;
    let opened = open_or_make(common.store.as_ref()).await?;
    let mut ledger = Ledger::take(&opened.runs(), &file)?;
    let turn = turn(args, &opened, &mut ledger, &say).await?;
    let plan = Plan::new(&file, &ledger.queue(), &defaults(args))?;
    let known = match turn {
        Turn::GoesOn => reconcile(&opened, &ledger, &plan, &say).await?,
        Turn::Begins => Known::default(),
    };
    let board = Arc::new(Board::new(&plan, &known));
    if turn == Turn::GoesOn {
        say.note(&format!(
            "going on: {} of {} ended before",
            board.ended(),
            plan.len()
        ));
    }
    let view = View::start(&mut say, &board);
    let worker = Worker::new(&opened, vec![ledger.queue()], args.jobs)?;
    let teller = view::tell(worker.tasks.events(), &board, &say);
    worker.tasks.start();
    let _watch = room::Watch::begin(&opened, &say);
    let work = until_all_has_ended(&opened, &ledger, &plan, &known, &board, &view, &say);
    let asked = tokio::select! {
        ended = work => { ended?; None }
        asked = signals.next() => Some(asked),
    };
    match asked {
        Some(_) => drop(signals::stop(&worker.tasks, &mut signals, &say).await),
        None => drop(worker.tasks.stop().await),
    }
    worker.close().await;
    // It ends with the manager, once it has told all that happened.
    let _ = teller.await;
    view.end();
    finish(&opened, &mut ledger, &plan, asked, &say).await
}

fn refuse_queues(file: &input::File) -> Result<()> {
    let mut tasks = file.tasks.iter();
    let Some(task) = tasks.find(|task| task.options.queue.is_some()) else {
        return Ok(());
    };
    bail!(
        "{}:{}: `queue` is for `marionette add --file`; `run` has a queue of its own",
        file.name,
        task.line
    )
}

fn defaults(args: &Run) -> Options {
    Options {
        retries: args.retries,
        backoff: args.backoff,
        timeout: args.timeout,
        ..Options::default()
    }
}

/// Whether a generation goes on or a new one begins, and what that means for the last.
async fn turn(args: &Run, opened: &Opened, ledger: &mut Ledger, say: &Say) -> Result<Turn> {
    if args.anew && ledger.is_unfinished() {
        let left = Which::Matching(in_queue(ledger.queue()));
        let reason = "its file was begun anew".to_owned();
        let cancelled = opened.store.cancel(left, reason).await.map_err(told)?;
        say.note(&format!(
            "{} cancelled, to begin anew",
            count_of(cancelled, "task")
        ));
        ledger.finish()?;
    }
    if args.retry_failed {
        ledger.reopen()?;
        let failed = Filter {
            states: vec![JobState::Dead, JobState::Quarantined],
            ..in_queue(ledger.queue())
        };
        let retried = opened.store.retry(Which::Matching(failed)).await;
        let retried = retried.map_err(told)?;
        say.note(&format!(
            "{} to be tried again",
            count_of(retried, "failed task")
        ));
        return Ok(Turn::GoesOn);
    }
    let turn = ledger.begin()?;
    if turn == Turn::Begins {
        forget(opened, &ledger.earlier_queue()).await?;
    }
    Ok(turn)
}

/// Of finished generations only the last is kept.
async fn forget(opened: &Opened, queue: &str) -> Result<()> {
    let jobs = Which::Matching(in_queue(queue.to_owned()));
    let deleted = opened.store.delete(jobs).await.map_err(told)?;
    if deleted > 0 {
        output::tidy(opened).await?;
    }
    Ok(())
}

/// Brings what is stored of this generation into line with the file, which may have changed.
async fn reconcile(opened: &Opened, ledger: &Ledger, plan: &Plan, say: &Say) -> Result<Known> {
    take_over(opened).await?;
    let known = Known::read(&opened.store, &ledger.queue()).await?;
    let removed = known.without(plan);
    if !removed.is_empty() {
        let reason = known::REMOVED.to_owned();
        let cancelled = opened.store.cancel(Which::Ids(removed), reason).await;
        let cancelled = cancelled.map_err(told)?;
        let what = count_of(cancelled, "task");
        say.note(&format!("{what} cancelled that the file no longer has"));
    }
    let back = known.to_revive(plan);
    if !back.is_empty() {
        opened.store.retry(Which::Ids(back)).await.map_err(told)?;
        return Known::read(&opened.store, &ledger.queue()).await;
    }
    Ok(known)
}

/// Takes from a runner that was killed what it had in hand.
async fn take_over(opened: &Opened) -> Result<()> {
    orphans_have_gone(&opened.minders()).await?;
    while opened.store.sweep().await.map_err(told)?.more {}
    Ok(())
}

fn count_of(number: u64, noun: &str) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), noun)
}

fn in_queue(queue: String) -> Filter {
    Filter {
        queues: vec![queue],
        ..Filter::default()
    }
}

/// Stores what is not stored yet, and waits until all has ended.
async fn until_all_has_ended(
    opened: &Opened,
    ledger: &Ledger,
    plan: &Plan,
    known: &Known,
    board: &Board,
    view: &View,
    say: &Say,
) -> Result<()> {
    let missing: Vec<_> = plan.jobs().filter(|job| !known.has(job.id)).collect();
    let mut draw = interval(DRAW);
    draw.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for batch in missing.chunks(BATCH) {
        let batch = batch.iter().map(|&job| job.clone()).collect();
        let stored = opened.store.insert(batch).await;
        stored.map_err(told).context("the tasks cannot be stored")?;
        view.draw();
    }
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut settling, mut stuck) = (SETTLING, 0);
    loop {
        tokio::select! {
            // What was told here may not be written yet; what others did is not told here at all.
            // So the store is asked in the end.
            () = board.all_has_ended() => {
                sleep(settling).await;
                settling = (settling * 2).min(LOOK);
            }
            _ = look.tick() => {}
            _ = draw.tick() => {
                view.draw();
                continue;
            }
        }
        let counts = opened.store.counts().await.map_err(told)?;
        if board.correct(&counts, &ledger.queue()) {
            return Ok(());
        }
        stuck = if board.is_stuck(&counts, &ledger.queue()) {
            stuck + 1
        } else {
            0
        };
        // Of a full disk it is told elsewhere.
        if stuck == STUCK_LOOKS && !opened.is_on_full_disk() {
            say.warn(STUCK);
        }
    }
}

/// Notes whether the generation is finished, tells the summary, and returns the exit status.
async fn finish(
    opened: &Opened,
    ledger: &mut Ledger,
    plan: &Plan,
    asked: Option<Asked>,
    say: &Say,
) -> Result<u8> {
    let ends = summary::Ends::read(&opened.store, &ledger.queue()).await?;
    if ends.left == 0 {
        ledger.finish()?;
    }
    summary::tell(&opened.store, &ends, plan, say, &ledger.queue()).await?;
    Ok(match asked {
        Some(asked) if ends.left > 0 => asked.status(),
        _ => u8::from(ends.failed + ends.cancelled > 0),
    })
}
