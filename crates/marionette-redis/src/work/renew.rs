//! Signs of life, and the leases that still hold.

use std::time::Duration;

use marionette::TaskId;
use marionette::store::{InstanceId, InstanceInfo, Lease, Renewal, StoreError};
use redis::Value;
use uuid::Uuid;

use crate::codec::{HeldRow, bytes, int, list, pairs};
use crate::error::strange;
use crate::scripts::Script;
use crate::server::Server;

/// The most leases of one call of the script, so that the server is free for others in between.
const STEP: usize = 2_500;

/// What a sign of life brings besides answers: how many jobs the instance has, and the present of
/// the server in microseconds since 1970.
#[derive(Clone, Copy, Debug, Default)]
struct Beaten {
    has: usize,
    now: u64,
}

impl Server {
    pub(crate) async fn renew(
        &self,
        instance: InstanceInfo,
        leases: Vec<Lease>,
    ) -> Result<Vec<Renewal>, StoreError> {
        let about = serde_json::to_vec(&instance).map_err(|error| {
            StoreError::refused(format!("instance {} cannot be stored", instance.id))
                .with_source(error)
        })?;
        let instance = instance.id;
        let is_own = |lease: &&Lease| lease.instance == instance;
        let own: Vec<Lease> = leases.iter().filter(is_own).copied().collect();
        let mut answers = Vec::with_capacity(own.len());
        let mut beat = Beaten::default();
        let none = own.is_empty().then_some(&own[..]);
        for part in own.chunks(STEP).chain(none) {
            beat = self.beat(instance, &about, part, &mut answers).await?;
        }
        self.note_unnamed(instance, &own, &answers, beat).await?;
        let mut answers = answers.into_iter();
        let answer = |lease: Lease| {
            let answer = (lease.instance == instance).then(|| answers.next());
            answer.flatten().unwrap_or(Renewal::Lost)
        };
        Ok(leases.into_iter().map(answer).collect())
    }

    /// Forgets an instance that has no job.
    pub(crate) async fn leave(&self, instance: InstanceId) -> Result<(), StoreError> {
        let mut call = self.call(Script::Leave, &[instance]);
        call.arg(instance.uuid().as_bytes());
        self.pulse.call(&call).await?;
        Ok(())
    }

    /// Gives a sign of life and asks about these leases.
    async fn beat(
        &self,
        instance: InstanceId,
        about: &[u8],
        leases: &[Lease],
        answers: &mut Vec<Renewal>,
    ) -> Result<Beaten, StoreError> {
        let mut call = self.call(Script::Renew, &[instance]);
        call.arg(instance.uuid().as_bytes()).arg(about);
        for lease in leases {
            call.arg(lease.job.uuid().as_bytes());
            call.arg(&lease.token.to_be_bytes());
        }
        let mut rows = list(self.pulse.call(&call).await?)?.into_iter();
        let mut number = || int(rows.next().unwrap_or(Value::Nil));
        let beat = Beaten {
            has: number()?
                .and_then(|has| usize::try_from(has).ok())
                .unwrap_or(0),
            now: number()?
                .and_then(|now| u64::try_from(now).ok())
                .unwrap_or(0),
        };
        if rows.len() != leases.len() {
            return Err(strange("one answer for each lease"));
        }
        for row in rows {
            answers.push(renewal(row)?);
        }
        Ok(beat)
    }

    /// If the instance has more than it named, finds out what.
    async fn note_unnamed(
        &self,
        instance: InstanceId,
        leases: &[Lease],
        answers: &[Renewal],
        beat: Beaten,
    ) -> Result<(), StoreError> {
        let (lease, now) = (self.settings.timing.lease, self.settings.clock.monotonic());
        let kept = answers.iter().filter(|it| **it != Renewal::Lost).count();
        let is_to_be_read = {
            let mut unnamed = self.unnamed.borrow_mut();
            let is_to_be_read = unnamed.renewed(instance, kept, beat.has, now, lease);
            unnamed.named(instance, leases);
            is_to_be_read
        };
        if is_to_be_read {
            let has = self.in_hand(instance, beat.now).await?;
            let mut unnamed = self.unnamed.borrow_mut();
            unnamed.read(instance, has, leases, now);
        }
        Ok(())
    }

    /// The jobs that an instance has, with the tokens of their claims and the times since these.
    async fn in_hand(
        &self,
        instance: InstanceId,
        now: u64,
    ) -> Result<Vec<(TaskId, i64, Duration)>, StoreError> {
        let mut ask = redis::cmd("HGETALL");
        ask.arg(self.scripts.layout().held(instance));
        let mut jobs = Vec::new();
        for (id, row) in pairs(self.bulk.ask(&ask).await?)? {
            // What cannot be read stays until its instance is dead.
            let id = Uuid::from_slice(&bytes(id)?).ok();
            let row = HeldRow::decode(&bytes(row)?);
            jobs.extend(id.zip(row).map(|(id, row)| {
                let age = Duration::from_micros(now.saturating_sub(row.started));
                (TaskId::from(id), row.token, age)
            }));
        }
        Ok(jobs)
    }
}

fn renewal(row: Value) -> Result<Renewal, StoreError> {
    let row = bytes(row)?;
    match row.split_first() {
        Some((b'k', _)) => Ok(Renewal::Kept),
        Some((b'l', _)) => Ok(Renewal::Lost),
        Some((b'c', why)) => Ok(Renewal::Cancel(String::from_utf8_lossy(why).into_owned())),
        _ => Err(strange("what became of a lease")),
    }
}
