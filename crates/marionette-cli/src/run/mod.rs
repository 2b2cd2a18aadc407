//! `marionette run`: runs each command of a file to its end once, however often this process is
//! killed in between.
//!
//! 1. The list is read and its run is locked, so that no other process runs it meanwhile.
//! 2. The ledger says whether a generation of the run is unfinished; if so that generation goes on,
//!    else a new one begins. Each generation has a queue of its own.
//! 3. Each task becomes a job whose id is derived from the generation and from the command, so that
//!    storing it twice stores it once.
//! 4. An instance runs that queue until the store says that all jobs have ended, or a signal comes.
//! 5. The ledger notes that the generation is finished, and the summary is printed.

mod identity;
mod note;
mod notes;
mod lock;
mod held;
mod ledger;
mod old;
mod dry_run;
mod choice;
mod names;
mod plan;
mod stored;
mod progress;
mod view;
mod screen;
mod summary;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use marionette::TaskId;
use marionette::inspect::{Filter, Which};
use marionette::store::Name;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::args::Run;
use crate::common::Common;
use crate::console::Console;
use crate::console::text::count;
use crate::input;
use crate::instance::health::{is_broken, is_hindered};
use crate::instance::manager::Instance;
use crate::instance::stop;
use crate::instance::watch::Watch;
use crate::minder::orphans_have_gone;
use crate::process::signals::{Asked, Signals};
use crate::store::{Opened, Purpose, by, explain, open_existing, open_or_make};

use identity::Identity;
use ledger::{Ledger, Turn};
use notes::Notes;
use plan::Plan;
use progress::Progress;
use stored::StoredTasks;
use view::View;

pub(crate) use names::{ListOrder, Runs};

/// How many jobs are stored at once.
const BATCH: usize = 1_000;
/// How often to ask the store whether all jobs have ended: other processes may have ended some.
const LOOK: Duration = Duration::from_secs(1);
/// How long to wait, at first, until the store knows what has happened here; doubled up to `LOOK`.
const SETTLING: Duration = Duration::from_millis(5);
/// The number of looks at a store in which nothing moves after which `STUCK` is printed.
const STUCK_LOOKS: u32 = 10;
const STUCK: &str = "tasks are due, and nothing moves: the queue is paused, or the store cannot be \
                     written (is the disk full?); it goes on by itself once that has changed";
/// How often the bars are drawn.
const DRAW: Duration = Duration::from_millis(100);

/// A run that is ready to be worked on.
struct Ready {
    identity: Identity,
    ledger: Ledger,
    plan: Plan,
    stored: StoredTasks,
    turn: Turn,
}

pub(crate) async fn run(common: &Common, args: &Run) -> Result<u8> {
    let ended = run_list(common, args).await;
    held::all_are_let_go().await;
    ended
}

async fn run_list(common: &Common, args: &Run) -> Result<u8> {
    let console = Console::new(common);
    if args.drop {
        return drop_open(common, args, &console).await;
    }
    let file = if args.resume {
        None
    } else {
        Some(args.list()?)
    };
    if let Some(file) = &file {
        refuse_queues(file)?;
        if args.dry_run {
            dry_run::tell(file, &console);
            return Ok(0);
        }
        if file.tasks.is_empty() {
            console.note(&format!("there are no items for {}", file.name));
            return Ok(0);
        }
    }
    // Until here a signal just ends this process, even while it waits for a list that never comes.
    let mut signals = Signals::listen()?;
    let opened = match &file {
        Some(_) => open_or_make(common).await?,
        None => open_existing(common, Purpose::Change).await?,
    };
    opened.check(&console)?;
    let prepared = async {
        match &file {
            Some(file) => listed(&opened, args, file, &console).await,
            None => resumed(&opened, args, &console).await,
        }
    };
    // It may wait for a run of another machine.
    let ready = tokio::select! {
        ready = prepared => ready?,
        asked = signals.next() => return Ok(asked.status()),
    };
    to_the_end(&opened, args, ready, signals, console).await
}

/// Runs what is prepared until all has ended, or a signal comes.
async fn to_the_end(
    opened: &Opened,
    args: &Run,
    mut ready: Ready,
    mut signals: Signals,
    mut console: Console,
) -> Result<u8> {
    let progress = Arc::new(Progress::new(&ready.plan, &ready.stored));
    note_that_it_goes_on(&ready, &progress, &console);
    let view = View::start(&mut console, &progress);
    let queues = ready.ledger.queues().to_vec();
    let instance = Instance::new(opened, queues, args.jobs, args.outputs.keep_outputs)?;
    let teller = view::tell(instance.tasks.events(), &progress, &console);
    instance.start(opened).await?;
    // `until_all_has_ended` tells of a queue that is paused.
    let watch = Watch::begin(opened, &instance, &[], &console);
    let work = until_all_has_ended(opened, &ready, &progress, &view, &console);
    let asked = tokio::select! {
        ended = work => ended.map(|()| None),
        asked = signals.next() => Ok(Some(asked)),
        lost = ready.ledger.is_lost() => Err(lost),
        broken = is_broken(opened) => Err(broken),
        hindered = is_hindered(opened, &instance) => Err(hindered),
    };
    let asked = match asked {
        Ok(asked) => asked,
        Err(error) => {
            view.end();
            return Err(error);
        }
    };
    match asked {
        Some(_) => drop(stop::stop(&instance, &mut signals, None, &console).await),
        None => drop(instance.tasks.stop().await),
    }
    watch.end().await;
    instance.close().await;
    // The teller ends with the manager, once it has printed all events.
    let _ = teller.await;
    view.end();
    finish(opened, &mut ready, asked, &console).await
}

fn note_that_it_goes_on(ready: &Ready, progress: &Progress, console: &Console) {
    if ready.turn == Turn::GoesOn {
        let anew = if ready.identity.is_list() {
            "; --anew begins anew"
        } else {
            ""
        };
        console.note(&format!(
            "going on: {} of {} ended before{anew}",
            progress.ended(),
            ready.plan.len()
        ));
    }
}

/// Cancels the tasks that are left of the run that the arguments name.
async fn drop_open(common: &Common, args: &Run, console: &Console) -> Result<u8> {
    let identity = Identity::named_by(args)?;
    let opened = open_existing(common, Purpose::Change).await?;
    take_over(&opened).await?;
    let notes = Notes::of(&opened, console);
    let cancelled = choice::drop_open(&opened, &notes, &identity).await?;
    console.note(&match cancelled {
        0 => format!("nothing was left of {}", identity.of_it()),
        tasks => format!("{} cancelled", count_of(tasks, "task")),
    });
    Ok(0)
}

/// Prepares the run of a list that was read.
async fn listed(
    opened: &Opened,
    args: &Run,
    file: &input::File,
    console: &Console,
) -> Result<Ready> {
    let identity = Identity::of(file, args)?;
    let notes = Notes::of(opened, console);
    let mut ledger = choice::ledger(opened, &notes, args, (&identity, file), console).await?;
    let turn = choice::turn(args, opened, &mut ledger, console).await?;
    let plan = Plan::new(file, &ledger.queue())?;
    // If the order cannot be written, the tasks are listed in another order.
    let _ = ledger.note_order(plan.ids());
    let stored = match turn {
        Turn::GoesOn => reconcile(opened, &identity, &mut ledger, &plan, console).await?,
        Turn::Begins => StoredTasks::default(),
    };
    if turn == Turn::Begins && ledger.is_first() {
        // A note that cannot be removed now is removed when the next new list begins.
        let _ = old::remove(opened).await;
    }
    Ok(Ready {
        identity,
        ledger,
        plan,
        stored,
        turn,
    })
}

/// Prepares a run that goes on with its stored tasks, whatever its list says now.
async fn resumed(opened: &Opened, args: &Run, console: &Console) -> Result<Ready> {
    let identity = Identity::named_by(args)?;
    let notes = Notes::of(opened, console);
    let ledger = choice::to_resume(opened, &notes, &identity, console).await?;
    take_over(opened).await?;
    let mut stored = StoredTasks::read(&*opened.store, &ledger).await?;
    let plan = Plan::of_stored(stored.ids());
    let back = stored.to_revive(&plan);
    if !back.is_empty() {
        revive(opened, back).await?;
        stored = StoredTasks::read(&*opened.store, &ledger).await?;
    }
    Ok(Ready {
        identity,
        ledger,
        plan,
        stored,
        turn: Turn::GoesOn,
    })
}

/// Lets these tasks begin anew.
async fn revive(opened: &Opened, tasks: Vec<TaskId>) -> Result<()> {
    for which in Which::Ids(tasks).calls() {
        opened.store.retry(which, by()).await.map_err(explain)?;
    }
    Ok(())
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

/// Brings the stored tasks of this generation into line with the file, which may have changed.
async fn reconcile(
    opened: &Opened,
    identity: &Identity,
    ledger: &mut Ledger,
    plan: &Plan,
    console: &Console,
) -> Result<StoredTasks> {
    take_over(opened).await?;
    let stored = StoredTasks::read(&*opened.store, ledger).await?;
    let removed = stored.without(plan);
    if !removed.is_empty() {
        let source = if identity.is_list() { "list" } else { "file" };
        if opened.is_shared() && !plan.ids().any(|id| stored.has(id)) {
            refuse_another(identity, removed.len())?;
        }
        let reason = format!("its {source} no longer has it");
        ledger.note_removed(&removed).await?;
        let mut cancelled = 0;
        for which in Which::Ids(removed).calls() {
            let part = opened.store.cancel(which, reason.clone(), by()).await;
            cancelled += part.map_err(explain)?;
        }
        let what = count_of(cancelled, "task");
        console.note(&format!("{what} cancelled that the {source} no longer has"));
    }
    let back = stored.to_revive(plan);
    let is_any_back = !back.is_empty();
    revive(opened, back).await?;
    ledger.note_present(plan.ids()).await?;
    if is_any_back {
        return StoredTasks::read(&*opened.store, ledger).await;
    }
    Ok(stored)
}

/// Refuses a file that has nothing in common with the run that is left: on a store that machines
/// share it is rather another machine's file of the same path than this one with new contents.
fn refuse_another(identity: &Identity, left: usize) -> Result<()> {
    let (tasks, run) = (count(left, "task"), identity.name());
    bail!(
        "{tasks} of {run} {} left in the store, and this file has none of them: is it another \
         machine's file of the same path? --as NAME gives the run of this one a name of its own; \
         --anew cancels what is left and begins anew",
        if left == 1 { "is" } else { "are" },
    )
}

/// Takes over the jobs in hand of a runner that was killed.
async fn take_over(opened: &Opened) -> Result<()> {
    orphans_have_gone(&opened.minders()).await?;
    while opened.store.sweep().await.map_err(explain)?.more {}
    Ok(())
}

fn count_of(number: u64, noun: &str) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), noun)
}

fn in_queue(queue: Name) -> Filter {
    Filter::new().queue(queue)
}

/// Stores the jobs that are not stored yet, and waits until all have ended.
async fn until_all_has_ended(
    opened: &Opened,
    ready: &Ready,
    progress: &Progress,
    view: &View,
    console: &Console,
) -> Result<()> {
    let Ready { plan, stored, .. } = ready;
    let queues = ready.ledger.queues();
    let missing: Vec<_> = plan.jobs().filter(|job| !stored.has(job.id)).collect();
    let mut draw = interval(DRAW);
    draw.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for batch in missing.chunks(BATCH) {
        let batch = batch.iter().map(|&job| job.clone()).collect();
        let stored = opened.store.insert(batch).await;
        stored
            .map_err(explain)
            .context("the tasks cannot be stored")?;
        view.draw();
    }
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut settling, mut stuck) = (SETTLING, 0);
    loop {
        tokio::select! {
            // An end that was seen here may not be written yet, and the ends of other processes are
            // not seen here at all, so the store has the last word.
            () = progress.all_has_ended() => {
                sleep(settling).await;
                settling = (settling * 2).min(LOOK);
            }
            _ = look.tick() => {}
            _ = draw.tick() => {
                view.draw();
                continue;
            }
        }
        let counts = opened.store.counts().await.map_err(explain)?;
        if progress.correct(&counts, &queues) {
            return Ok(());
        }
        stuck = if progress.is_stuck(&counts, &queues) {
            stuck + 1
        } else {
            0
        };
        // `Watch` tells of a full disk.
        if stuck == STUCK_LOOKS && !opened.is_on_full_disk() {
            console.warn(STUCK);
        }
    }
}

/// Notes whether the generation is finished, prints the summary, and returns the exit status.
async fn finish(
    opened: &Opened,
    ready: &mut Ready,
    asked: Option<Asked>,
    console: &Console,
) -> Result<u8> {
    let queue = ready.ledger.queue();
    let ends = summary::Ends::read(&*opened.store, &queue).await?;
    if ends.left == 0 {
        ready.ledger.finish().await?;
    }
    summary::tell(
        &*opened.store,
        &ends,
        &ready.plan,
        console,
        &queue,
        &ready.identity.name(),
    )
    .await?;
    if ends.left > 0 && !console.json {
        let again = if ready.identity.is_list() {
            format!("the same list, or with `{}`", ready.identity.command())
        } else {
            "the same file".to_owned()
        };
        console.note(&format!("started again with {again}, it goes on from here"));
    }
    Ok(match asked {
        Some(asked) if ends.left > 0 => asked.status(),
        _ => u8::from(ends.failed + ends.cancelled > 0),
    })
}
