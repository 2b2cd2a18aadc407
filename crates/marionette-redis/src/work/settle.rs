//! Writes what became of claimed jobs.

use std::rc::Rc;

use marionette::store::{InstanceId, Lease, Settled, StoreError};
use redis::Value;
use tokio::sync::oneshot;
use tokio::task::spawn_local;

use crate::codec::bytes;
use crate::error::strange;
use crate::loads::{Verdict, Verdicts, rounds};
use crate::scripts::{Call, Script};
use crate::server::Server;
use crate::thread::Caller;

impl Server {
    /// Settles jobs, of which none comes twice, maybe together with those of others.
    pub(crate) fn settle(self: Rc<Self>, verdicts: Verdicts, caller: Caller<Vec<Settled>>) {
        let start = || drop(spawn_local(Rc::clone(&self).drive_settlements()));
        self.settlements.add(verdicts, caller, start);
    }

    async fn drive_settlements(self: Rc<Self>) {
        let send = async |loads: &[&Verdicts]| self.send_settlements(loads).await;
        self.settlements.drive(send).await;
    }

    /// Ends claimed jobs that cannot be read, for these reasons, so that nobody claims them again.
    pub(super) async fn quarantine(
        self: &Rc<Self>,
        spoilt: Vec<(Lease, String)>,
    ) -> Result<(), StoreError> {
        let verdicts = spoilt.into_iter();
        let verdicts = verdicts.map(|(lease, what)| Verdict::quarantined(lease, &what));
        self.settle_all(verdicts.collect()).await.map(drop)
    }

    /// Settles jobs in rounds, in none of which a job comes twice.
    pub(crate) async fn settle_all(
        self: &Rc<Self>,
        verdicts: Vec<Verdict>,
    ) -> Result<Vec<Settled>, StoreError> {
        let mut answers = vec![Settled::Stale; verdicts.len()];
        for places in rounds(verdicts.iter().map(|verdict| verdict.lease.job)) {
            let part = places.iter().map(|place| verdicts[*place].clone());
            let (caller, answer) = oneshot::channel();
            Rc::clone(self).settle(Verdicts::new(part.collect()), caller);
            let given_up = |_| StoreError::unavailable("the call was given up by the store");
            for (place, told) in places.into_iter().zip(answer.await.map_err(given_up)??) {
                answers[place] = told;
            }
        }
        Ok(answers)
    }

    /// Sends what several callers settle, and answers each.
    async fn send_settlements(&self, loads: &[&Verdicts]) -> Result<Vec<Vec<Settled>>, StoreError> {
        let verdicts: Vec<&Verdict> = loads.iter().flat_map(|load| &load.all).collect();
        let call = match loads[0].done_of {
            Some(instance) => self.done_call(instance, &verdicts),
            None => self.settle_call(&verdicts),
        };
        let mut answers = settled(self.keep(&call).await?, verdicts.len())?.into_iter();
        let part = |load: &&Verdicts| answers.by_ref().take(load.all.len()).collect();
        Ok(loads.iter().map(part).collect())
    }

    /// Successes of one instance. The jobs of one claim stand next to each other as a rule, and are
    /// a run.
    fn done_call(&self, instance: InstanceId, verdicts: &[&Verdict]) -> Call {
        let mut call = self.call(Script::Done, &[instance]);
        call.arg(instance.uuid().as_bytes())
            .arg(self.settings.keep_done_count)
            .arg(self.channel());
        for run in verdicts.chunk_by(|one, other| one.run() == other.run()) {
            let (token, _, is_tried) = run[0].run();
            call.arg(&token.to_be_bytes()).arg(u8::from(is_tried));
            call.arg(run[0].kept()).arg(run.len());
            for verdict in run {
                call.arg(verdict.lease.job.uuid().as_bytes())
                    .arg(verdict.end());
            }
        }
        call
    }

    fn settle_call(&self, verdicts: &[&Verdict]) -> Call {
        let leases = verdicts.iter().map(|verdict| (verdict.lease, *verdict));
        self.call_with_instances(leases, |verdict, call| verdict.write(call))
    }

    /// A call of the script that settles jobs of any instances: for each lease which of the
    /// instances has it, then what `write` writes.
    pub(super) fn call_with_instances<T>(
        &self,
        leases: impl Iterator<Item = (Lease, T)> + Clone,
        write: impl Fn(T, &mut Call),
    ) -> Call {
        let mut instances: Vec<_> = leases.clone().map(|(lease, _)| lease.instance).collect();
        instances.sort_unstable();
        instances.dedup();
        let mut call = self.call(Script::Settle, &instances);
        call.arg(self.channel())
            .arg(Self::random_process())
            .arg(self.settings.keep_done_count)
            .arg(instances.len());
        for instance in &instances {
            call.arg(instance.uuid().as_bytes());
        }
        for (lease, item) in leases {
            let which = instances.binary_search(&lease.instance);
            call.arg(which.map_or(0, |at| at + 1));
            write(item, &mut call);
        }
        call
    }
}

/// What the script says of each.
fn settled(answer: Value, count: usize) -> Result<Vec<Settled>, StoreError> {
    let letters = bytes(answer)?;
    if letters == b"a" {
        return Ok(vec![Settled::Applied; count]);
    }
    let answers = letters.iter().map(|letter| match letter {
        b'a' => Ok(Settled::Applied),
        b's' => Ok(Settled::Stale),
        _ => Err(strange("a letter for each settlement")),
    });
    let answers = answers.collect::<Result<Vec<_>, _>>()?;
    if answers.len() != count {
        return Err(strange("a letter for each settlement"));
    }
    Ok(answers)
}
