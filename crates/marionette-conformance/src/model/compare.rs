//! Compares everything visible of a store with the model.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use marionette::inspect::{JobDetails, TimedAttempt};
use marionette::store::{Claimed, Ended, JobState, PastAttempt, PastOutcome};

use crate::model::drive::{Drive, same};
use crate::model::reference::{Job, Past, Phase};

impl Drive {
    /// Compares everything except what only a claim shows.
    pub(crate) async fn compare(&self) -> Result<(), String> {
        let mut jobs: Vec<_> = self.model.jobs.iter().collect();
        jobs.sort_by_key(|job| std::cmp::Reverse(job.new.id));
        let listed = self.bed.all().await;
        let ids: Vec<_> = listed.iter().map(|job| job.id).collect();
        let expected: Vec<_> = jobs.iter().map(|job| job.new.id).collect();
        same("all jobs", ids, expected)?;
        for (summary, job) in listed.into_iter().zip(jobs) {
            let details = self.bed.details(job.new.id).await;
            same("a line and its details", &summary, &details.summary)?;
            self.compare_details(&details, job)?;
        }
        self.compare_counts().await?;
        self.compare_ended().await?;
        self.compare_instances().await?;
        let paused = self.bed.store.paused_queues().await;
        let paused = paused.map_err(|error| error.chain())?.into_iter();
        let mut paused: Vec<String> = paused.map(|paused| paused.queue.into()).collect();
        paused.sort();
        same(
            "paused",
            paused,
            self.model.paused.iter().cloned().collect(),
        )
    }

    fn compare_details(&self, details: &JobDetails, job: &Job) -> Result<(), String> {
        let summary = &details.summary;
        let state = job.state(self.model.now);
        same("the state", summary.state, state)?;
        same("the kind of its end", summary.end, job.kind())?;
        same("kind", &*summary.kind, &*job.new.kind)?;
        same("queue", &*summary.queue, &*job.new.queue)?;
        same("priority", summary.priority, job.new.priority)?;
        same("failed", summary.failed, job.failed)?;
        same("crashes", summary.crashes, job.crashes)?;
        same("started", summary.started.is_some(), job.started)?;
        same("ended", summary.ended.is_some(), state.is_end())?;
        same(
            "due, to half a unit",
            self.is_at(summary.due, job.due),
            true,
        )?;
        same("instance", summary.instance, job.holder())?;
        if state == JobState::Quarantined {
            same("a reason", summary.reason.is_some(), true)?;
        } else {
            same("reason", summary.reason.clone(), job.reason())?;
        }
        same("payload", &details.payload, &job.new.payload)?;
        same("options", &details.options, &job.new.options)?;
        let result = match &job.phase {
            Phase::Over { result, .. } => result.clone(),
            _ => None,
        };
        same("result", details.result.clone(), result)?;
        let attempts = details.attempts.iter().map(timed).collect();
        same_attempts(attempts, job.attempts.iter())
    }

    fn is_at(&self, time: SystemTime, units: i64) -> bool {
        let distance = self.bed.fixture.unit().as_secs_f64() * 1e6;
        let expected = distance * approximate(units);
        let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
        let told = match time.duration_since(self.zero) {
            Ok(since) => micros(since),
            Err(before) => -micros(before.duration()),
        };
        (told - expected).abs() < distance / 2.0
    }

    pub(crate) fn compare_claimed(&self, claimed: &Claimed, job: &Job) -> Result<(), String> {
        same(
            "it may be claimed",
            job.state(self.model.now),
            JobState::Ready,
        )?;
        same("kind", &*claimed.kind, &*job.new.kind)?;
        same("queue", &*claimed.queue, &*job.new.queue)?;
        same("priority", claimed.priority, job.new.priority)?;
        same("payload", &claimed.payload, &job.new.payload)?;
        same("options", &claimed.options, &job.new.options)?;
        same("failed", claimed.failed, job.failed)?;
        same("crashes", claimed.crashes, job.crashes)?;
        let failures = job.attempts.iter().filter(|past| past.outcome.is_failure());
        same_attempts(claimed.attempts.iter().map(past).collect(), failures)?;
        let unit = self.bed.fixture.unit().as_secs_f64();
        for (what, told, since) in [
            ("late", claimed.late, job.due),
            ("age", claimed.age, job.first_due),
        ] {
            let expected = unit * approximate((self.model.now - since).max(0));
            let is_near = (told.as_secs_f64() - expected).abs() < unit / 2.0;
            same(&format!("{what}, to half a unit: {told:?}"), is_near, true)?;
        }
        Ok(())
    }

    async fn compare_counts(&self) -> Result<(), String> {
        let counts = self.bed.store.counts().await;
        let counts = counts.map_err(|error| error.chain())?.into_iter();
        let mut counted: Vec<_> = counts
            .map(|count| ((count.queue, count.kind, count.state), count.jobs))
            .collect();
        counted.sort();
        let mut expected = BTreeMap::new();
        for job in &self.model.jobs {
            let (queue, kind) = (job.new.queue.clone(), job.new.kind.clone());
            let key = (queue, kind, job.state(self.model.now));
            *expected.entry(key).or_insert(0) += 1;
        }
        same("counts", counted, expected.into_iter().collect())
    }

    async fn compare_ended(&self) -> Result<(), String> {
        let ended = self.bed.store.ended(self.ids.clone()).await;
        let ended = ended.map_err(|error| error.chain())?;
        same("how many answers", ended.len(), self.ids.len())?;
        for (id, ended) in self.ids.iter().zip(ended) {
            let Some(job) = self.model.by_id(*id) else {
                same("a job that is none", ended, Ended::Missing)?;
                continue;
            };
            match (&job.phase, ended) {
                (
                    Phase::Over {
                        result: Some(result),
                        ..
                    },
                    ended,
                ) => {
                    same("ended", ended, Ended::Done(result.clone()))?;
                }
                (
                    Phase::Over { state, reason, .. },
                    Ended::Otherwise {
                        state: told,
                        kind,
                        reason: why,
                        error,
                        attempts,
                        ..
                    },
                ) => {
                    same("ended as", told, *state)?;
                    same("the kind of the end", Some(kind), job.kind())?;
                    same("the error that it named", &error, &job.new.options.error)?;
                    if *state != JobState::Quarantined {
                        same("why", &why, reason)?;
                    }
                    let attempts = attempts.iter().map(past).collect();
                    same_attempts(attempts, job.attempts.iter())?;
                }
                (_, ended) => same("ended", ended, Ended::NotYet)?,
            }
        }
        Ok(())
    }

    async fn compare_instances(&self) -> Result<(), String> {
        let instances = self.bed.store.instances().await;
        let instances = instances.map_err(|error| error.chain())?.into_iter();
        let mut live: Vec<_> = instances.map(|live| (live.info.id, live.running)).collect();
        live.sort();
        let ids = self.instances.iter().map(|instance| instance.id);
        let alive = ids.filter(|&id| self.model.is_alive(id));
        let mut expected: Vec<_> = alive
            .map(|id| {
                let jobs = self.model.jobs.iter();
                let held = jobs.filter(|job| job.holder() == Some(id));
                (id, held.count() as u64)
            })
            .collect();
        expected.sort();
        same("instances", live, expected)
    }
}

fn timed(attempt: &TimedAttempt) -> PastAttempt {
    let mut past = PastAttempt::new(attempt.number, attempt.outcome, attempt.ran);
    past.error.clone_from(&attempt.error);
    past.instance = attempt.instance;
    past
}

fn past(attempt: &PastAttempt) -> PastAttempt {
    attempt.clone()
}

/// The text about a crash is up to the store, and it may forget attempts in the middle.
fn same_attempts<'a>(
    store: Vec<PastAttempt>,
    model: impl Iterator<Item = &'a Past>,
) -> Result<(), String> {
    let told = store.into_iter().map(|it| {
        let instance = it.instance.ok_or("an attempt without an instance")?;
        let crashed = it.outcome == PastOutcome::Crashed;
        let error = it.error.filter(|_| !crashed);
        Ok((it.number, it.outcome, error, instance))
    });
    let mut told: Vec<_> = told.collect::<Result<_, String>>()?;
    let model = model.map(|it| (it.number, it.outcome, it.error.clone(), it.instance));
    let mut model: Vec<_> = model.collect();
    if model.len() > 25 {
        for attempts in [&mut told, &mut model] {
            let last = attempts.len().saturating_sub(20);
            attempts.drain(5.min(last)..last);
        }
    }
    same("attempts", told, model)
}

fn approximate(units: i64) -> f64 {
    // A case is a few hundred units long.
    f64::from(i32::try_from(units).unwrap_or(i32::MAX))
}
