//! The jobs of the simulation: data that says how each attempt goes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use fastrand::Rng;
use marionette::store::{Due, JobOptions, Name, NewJob, StoredBackoff, StoredJitter};
use marionette::{Context, Job, TaskError, TaskId};
use marionette_conformance::history::History;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::UnboundedSender;

use crate::board::Board;
use crate::link::Link;
use crate::plan::Plan;

/// The arguments of a job: how its attempts go.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Work {
    /// The job's own id, under which the history names it.
    pub(crate) id: String,
    /// The token of the claim, which the store puts in.
    pub(crate) token: i64,
    pub(crate) millis: u64,
    /// The attempts up to this one fail.
    pub(crate) fails: u32,
    pub(crate) behaviour: Behaviour,
}

/// What a job does when it does not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Behaviour {
    Succeeds,
    /// It panics where others fail.
    Panics,
    /// It goes on for a while when it is told to end.
    Lingers,
    /// It asks to be run again, every other time.
    Snoozes,
    /// It kills its process.
    Kills,
}

impl Job for Work {
    const KIND: &'static str = "work";
    type Output = u64;
}

impl Work {
    /// Whether the job kills its process.
    pub(crate) fn kills(payload: &[u8]) -> bool {
        let work: Self = serde_json::from_slice(payload).expect("it was written here");
        work.behaviour == Behaviour::Kills
    }

    /// The payload with the token of the claim.
    pub(crate) fn with_token(payload: &[u8], token: i64) -> Vec<u8> {
        let work: Self = serde_json::from_slice(payload).expect("it was written here");
        serde_json::to_vec(&Self { token, ..work }).expect("it is plain data")
    }

    /// A random job, from a producer whose wall clock shows this time.
    pub(crate) fn draw(rng: &mut Rng, plan: &Plan, now: SystemTime) -> NewJob {
        let id = TaskId::new();
        let retries = rng.u32(..3);
        let behaviour = match rng.u8(..20) {
            0 if plan.poison => Behaviour::Kills,
            0..4 => Behaviour::Panics,
            4..7 => Behaviour::Lingers,
            7..9 => Behaviour::Snoozes,
            _ => Behaviour::Succeeds,
        };
        let work = Self {
            id: id.to_string(),
            token: 0,
            millis: [0, 1, 50, 1_000, rng.u64(..10_000), rng.u64(..60_000)][rng.usize(..6)],
            fails: rng.u32(..4).saturating_sub(1),
            behaviour,
        };
        let mut options = JobOptions::default();
        options.retries = retries;
        options.backoff = Some(StoredBackoff::Constant {
            pause: plan.lease.mul_f64(rng.f64() / 2.0),
            jitter: StoredJitter::None,
        });
        let due = match rng.u8(..8) {
            0 | 1 => Due::After(plan.lease.mul_f64(rng.f64())),
            2 => Due::At(now + Duration::from_secs(600).mul_f64(rng.f64())),
            _ => Due::Now,
        };
        NewJob::new(
            Name::from_static(Self::KIND),
            serde_json::to_vec(&work).expect("it is plain data"),
        )
        .id(id)
        .queue(Name::from_static(["one", "two"][rng.usize(..2)]))
        .priority(rng.i8(-1..=1))
        .due(due)
        .options(options)
        .queue_limit((rng.u8(..8) == 0).then_some(10))
    }
}

/// Where the jobs of one process run.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) process: u64,
    pub(crate) history: Arc<History>,
    pub(crate) board: Arc<Board>,
    pub(crate) link: Arc<Link>,
    /// A process that a job kills.
    pub(crate) killed: UnboundedSender<u64>,
    /// The newest attempt of each job that goes on here.
    pub(crate) attempts: Arc<Mutex<HashMap<TaskId, (i64, Context)>>>,
}

impl Place {
    /// An attempt begins here. An older one of the same job must have been told to end.
    fn begins(&self, job: TaskId, token: i64, context: &Context) {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let older = attempts.insert(job, (token, context.clone()));
        if let Some((older, context)) = older
            && !context.is_cancelled()
            && !self.link.is_dead()
        {
            self.board.runs_beside(job, older, token);
        }
    }

    fn ends(&self, job: TaskId, token: i64) {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        if attempts
            .get(&job)
            .is_some_and(|(newest, _)| *newest == token)
        {
            attempts.remove(&job);
        }
    }
}

/// An attempt on the onlooker's board.
struct OnBoard<'a> {
    place: &'a Place,
    job: TaskId,
    token: i64,
    holds: bool,
}

impl Drop for OnBoard<'_> {
    fn drop(&mut self) {
        self.place.ends(self.job, self.token);
        if self.holds && !self.place.link.is_dead() {
            self.place.board.ends(self.job, self.token);
        }
    }
}

/// One attempt.
pub(crate) async fn handle(place: Place, work: Work, context: Context) -> Result<u64, TaskError> {
    let job: TaskId = work.id.parse().map_err(|_| "an id is an id")?;
    place.begins(job, work.token, &context);
    let holds = place.board.begins(job, work.token);
    let on_board = OnBoard {
        place: &place,
        job,
        token: work.token,
        holds,
    };
    // An attempt under a lease that had lapsed before may overlap with others.
    let attempt = holds.then(|| place.history.start(job));
    let time = Duration::from_millis(work.millis);
    match work.behaviour {
        Behaviour::Kills => {
            // An error means that the world is over.
            let _ = place.killed.send(place.process);
            std::future::pending::<()>().await;
        }
        Behaviour::Lingers => place.board.sleep(time).await,
        Behaviour::Succeeds | Behaviour::Panics | Behaviour::Snoozes => {
            tokio::select! {
                biased;
                () = place.board.sleep(time) => {}
                () = context.cancelled() => return Err("it was told to end".into()),
            }
        }
    }
    let healed = place.board.is_healed();
    if context.attempt() <= work.fails && !healed {
        assert!(work.behaviour != Behaviour::Panics, "this attempt panics");
        return Err("this attempt fails".into());
    }
    if work.behaviour == Behaviour::Snoozes && fastrand::bool() && !healed {
        return Err(TaskError::snooze(Duration::from_millis(fastrand::u64(
            ..2_000,
        ))));
    }
    if let Some(attempt) = attempt {
        attempt.effect();
    }
    drop(on_board);
    Ok(work.millis)
}
