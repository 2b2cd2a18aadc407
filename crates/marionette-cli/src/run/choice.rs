//! Chooses the run that a list of tasks belongs to, and whether that goes on or begins anew.
//!
//! A run is open while some of its tasks are left, which may also be tasks that somebody retried
//! after its end. A list that is not in a file goes on with the open run of its folder that has a
//! task in common with it, so the list may grow, shrink and change its order. A list with no task
//! in common is another one: the tasks of the older list stay as they are, and are mentioned.

use anyhow::{Result, bail};
use marionette::TaskId;
use marionette::inspect::{Filter, Which};
use marionette::store::{Ended, JobState, Name, Store};

use super::identity::Identity;
use super::ledger::{Ledger, OtherRunner, Taken, Turn};
use super::notes::Notes;
use super::plan::Plan;
use super::{BATCH, count_of, in_queue};
use crate::args::Run;
use crate::console::Console;
use crate::input;
use crate::output;
use crate::store::{Opened, by, explain};

/// Why `--anew` cancels tasks.
const BEGUN_ANEW: &str = "its file was begun anew";
/// Why `--drop` cancels tasks.
const DROPPED: &str = "its run was dropped";

/// The ledger of the run that this list belongs to.
pub(super) async fn ledger(
    opened: &Opened,
    notes: &Notes,
    args: &Run,
    (identity, file): (&Identity, &input::File),
    console: &Console,
) -> Result<Ledger> {
    if identity.is_list() {
        return of_list(opened, notes, args, (identity, file), console).await;
    }
    match Ledger::take(notes, identity, 0, &file.name).await? {
        Taken::Ours(ledger) => Ok(ledger),
        Taken::Theirs(held) => Err(held.refusal(&file.name)),
    }
}

async fn of_list(
    opened: &Opened,
    notes: &Notes,
    args: &Run,
    (identity, file): (&Identity, &input::File),
    console: &Console,
) -> Result<Ledger> {
    let found = FolderRuns::find(opened, notes, args, (identity, file)).await?;
    let others = found.left_of_others;
    if others > 0 {
        console.note(&format!(
            "{} of another list in this folder {} left, and this list has none of them: `{}` goes \
             on with that one, `marionette run --drop -` drops it",
            count_of(others, "task"),
            if others == 1 { "is" } else { "are" },
            identity.command(),
        ));
    }
    match (found.goes_on, found.free) {
        (Some(ledger), _) => Ok(ledger),
        (None, _) if args.retry_failed => bail!("this list was never run in this folder"),
        (None, Some(mut ledger)) => {
            // The process was killed between its last task and the note of it.
            if ledger.is_unfinished() {
                ledger.finish().await?;
            }
            Ok(ledger)
        }
        (None, None) => bail!("another process has just begun a list in this folder; try again"),
    }
}

/// The runs of the lists of one folder, as seen by a list that is to run there.
#[derive(Default)]
struct FolderRuns {
    /// The latest run that has a task in common with the list and can go on.
    goes_on: Option<Ledger>,
    /// The first free slot, for a new run of the list.
    free: Option<Ledger>,
    /// The number of tasks that are left of lists without a task in common with it.
    left_of_others: u64,
}

impl FolderRuns {
    async fn find(
        opened: &Opened,
        notes: &Notes,
        args: &Run,
        (identity, file): (&Identity, &input::File),
    ) -> Result<Self> {
        let mut found = Self::default();
        for slot in 0.. {
            let is_new = !Ledger::exists(notes, identity, slot).await?;
            match Ledger::take(notes, identity, slot, &file.name).await? {
                Taken::Theirs(held) => {
                    let (stored, all) = in_common(opened, file, &held.queue).await?;
                    if stored == all {
                        return Err(held.refusal(&file.name));
                    }
                }
                Taken::Ours(ledger) => {
                    let left = left(opened, &ledger).await?;
                    let is_open = left > 0 || ledger.is_unfinished();
                    let is_known = in_common(opened, file, &ledger.queue()).await?.0 > 0;
                    if is_known && (is_open || args.retry_failed) {
                        let is_newer = |other: &Ledger| ledger.written() > other.written();
                        if found.goes_on.as_ref().is_none_or(is_newer) {
                            found.goes_on = Some(ledger);
                        }
                    } else if left > 0 {
                        found.left_of_others += left;
                    } else if found.free.is_none() {
                        found.free = Some(ledger);
                    }
                }
            }
            if is_new {
                break;
            }
        }
        Ok(found)
    }
}

/// The number of tasks of a list that a queue has, and the number of all its tasks.
async fn in_common(opened: &Opened, file: &input::File, queue: &Name) -> Result<(usize, usize)> {
    let plan = Plan::new(file, queue)?;
    let ids: Vec<_> = plan.ids().collect();
    let stored = known(&*opened.store, &ids).await?;
    Ok((stored, ids.len()))
}

/// The number of these jobs that the store knows.
async fn known(store: &dyn Store, ids: &[TaskId]) -> Result<usize> {
    let mut stored = 0;
    let mut left = ids;
    while !left.is_empty() {
        let asked = left[..left.len().min(BATCH)].to_vec();
        let ended = store.ended(asked).await.map_err(explain)?;
        // A store may leave out the last answers, so it is asked about these once more.
        let told = ended.iter().rposition(|end| *end != Ended::NotYet);
        let told = told.map_or(ended.len(), |last| last + 1);
        let known = ended[..told].iter();
        stored += known.filter(|end| **end != Ended::Missing).count();
        left = &left[told..];
    }
    Ok(stored)
}

/// The number of tasks of a run that are left, including those that were retried after its end.
async fn left(opened: &Opened, ledger: &Ledger) -> Result<u64> {
    let queues = ledger.queues();
    let counts = opened.store.counts().await.map_err(explain)?;
    let left = counts
        .iter()
        .filter(|count| queues.contains(&count.queue) && !count.state.is_end());
    Ok(left.map(|count| count.jobs).sum())
}

/// Decides whether a generation goes on or a new one begins, and cleans up after the last one.
pub(super) async fn turn(
    args: &Run,
    opened: &Opened,
    ledger: &mut Ledger,
    console: &Console,
) -> Result<Turn> {
    let is_left = left(opened, ledger).await? > 0;
    if args.anew && (is_left || ledger.is_unfinished()) {
        let cancelled = cancel(opened, ledger, BEGUN_ANEW).await?;
        console.note(&format!(
            "{} cancelled, to begin anew",
            count_of(cancelled, "task")
        ));
    } else if args.retry_failed {
        ledger.reopen().await?;
        let failed = in_queue(ledger.queue()).states([JobState::Dead, JobState::Quarantined]);
        let retried = opened.store.retry(Which::Matching(failed), by()).await;
        let retried = retried.map_err(explain)?;
        console.note(&format!(
            "{} to be tried again",
            count_of(retried, "failed task")
        ));
    } else if is_left && !ledger.is_unfinished() {
        // Somebody has retried tasks of this finished run.
        ledger.reopen().await?;
    }
    let turn = ledger.begin().await?;
    if turn == Turn::Begins {
        forget(opened, ledger.earlier_queue()).await?;
    }
    Ok(turn)
}

/// Cancels the tasks that are left of a run, which is finished then.
async fn cancel(opened: &Opened, ledger: &mut Ledger, reason: &str) -> Result<u64> {
    let left = Which::Matching(Filter::new().queues(ledger.queues().to_vec()));
    let cancelled = opened.store.cancel(left, reason.to_owned(), by()).await;
    ledger.finish().await?;
    cancelled.map_err(explain)
}

/// Deletes the tasks of a queue: of finished generations only the last is kept.
async fn forget(opened: &Opened, queue: Name) -> Result<()> {
    let jobs = Which::Matching(in_queue(queue));
    let forgotten = opened.forgotten();
    opened.store.delete(jobs, by()).await.map_err(explain)?;
    output::forget(opened, &forgotten).await
}

/// The open run of this identity that was worked on last, to go on without its list.
pub(super) async fn to_resume(
    opened: &Opened,
    notes: &Notes,
    identity: &Identity,
    console: &Console,
) -> Result<Ledger> {
    let (mut open, held) = open(opened, notes, identity).await?;
    open.sort_by_key(Ledger::written);
    let Some(mut ledger) = open.pop() else {
        match held {
            Some(held) => return Err(held.refusal(&identity.of_it())),
            None => bail!(
                "nothing is left of {}: there is no run to go on with",
                identity.of_it()
            ),
        }
    };
    if !open.is_empty() {
        let others = count_of(open.len() as u64, "more run");
        console.note(&format!(
            "{others} of this folder will be left after this one"
        ));
    }
    ledger.reopen().await?;
    Ok(ledger)
}

/// Cancels the tasks that are left of all open runs of this identity; returns their number. What a
/// process runs now is not dropped, and told if it is all that there is.
pub(super) async fn drop_open(opened: &Opened, notes: &Notes, identity: &Identity) -> Result<u64> {
    let mut cancelled = 0;
    let (open, held) = open(opened, notes, identity).await?;
    if let Some(held) = held.filter(|_| open.is_empty()) {
        return Err(held.refusal(&identity.of_it()));
    }
    for mut ledger in open {
        cancelled += cancel(opened, &mut ledger, DROPPED).await?;
    }
    Ok(cancelled)
}

/// The open runs of this identity that no process runs now, and one that another process runs.
async fn open(
    opened: &Opened,
    notes: &Notes,
    identity: &Identity,
) -> Result<(Vec<Ledger>, Option<OtherRunner>)> {
    let (mut open, mut held) = (Vec::new(), None);
    let name = identity.name();
    for slot in 0.. {
        if !Ledger::exists(notes, identity, slot).await? {
            break;
        }
        match Ledger::take(notes, identity, slot, &name).await? {
            Taken::Ours(ledger) if left(opened, &ledger).await? > 0 => open.push(ledger),
            Taken::Ours(_) => {}
            Taken::Theirs(theirs) if identity.is_list() => held = Some(theirs),
            Taken::Theirs(theirs) => return Err(theirs.refusal(&name)),
        }
        if !identity.is_list() {
            break;
        }
    }
    Ok((open, held))
}

#[cfg(test)]
mod tests {
    use marionette::MemoryStore;
    use marionette::inspect::{By, Inspect};
    use marionette::store::NewJob;
    use marionette_conformance::{FaultyStore, Method};

    use super::*;

    #[tokio::test]
    async fn tasks_that_are_not_stored_are_not_counted_although_the_store_cuts_its_answers() {
        let store = FaultyStore::new(MemoryStore::new());
        let jobs: Vec<_> = (0..6)
            .map(|_| NewJob::new(Name::from_static("cmd"), Vec::new()))
            .collect();
        let mut ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
        store.insert(jobs).await.unwrap();
        let (some, by) = (Which::Ids(ids[..3].to_vec()), By::new("ada", "a test"));
        store.cancel(some, "not needed".into(), by).await.unwrap();
        ids.extend((0..5).map(|_| TaskId::new()));
        for cut in [1, 2, 100] {
            store.cut(Method::Ended, cut);
            assert_eq!(known(&store, &ids).await.unwrap(), 6, "{cut} at once");
        }
    }
}
