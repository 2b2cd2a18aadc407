//! Writes what became of claimed jobs.

use std::rc::Rc;

use marionette::store::{CALL_ROWS_MAX, InstanceId, Lease, Settled, Settlement, StoreError};
use redis::Value;
use tokio::task::spawn_local;

use crate::codec::bytes;
use crate::error::strange;
use crate::loads::{Verdict, Verdicts, rounds};
use crate::scripts::{Call, Script};
use crate::server::Server;

impl Server {
    pub(crate) async fn settle(
        self: Rc<Self>,
        settlements: Vec<Settlement>,
    ) -> Result<Vec<Settled>, StoreError> {
        let count = settlements.len();
        if count > CALL_ROWS_MAX {
            return Err(StoreError::refused(format!(
                "a call has {count} settlements, the limit is {CALL_ROWS_MAX}"
            )));
        }
        for settlement in &settlements {
            settlement.check()?;
        }
        let verdicts = settlements.into_iter().map(Verdict::of);
        self.settle_all(verdicts.collect::<Result<_, _>>()?).await
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

    async fn settle_all(
        self: &Rc<Self>,
        verdicts: Vec<Verdict>,
    ) -> Result<Vec<Settled>, StoreError> {
        if verdicts.is_empty() {
            return Ok(Vec::new());
        }
        let mut rounds = rounds(verdicts.iter().map(|verdict| verdict.lease.job));
        if rounds.len() == 1 {
            return self.ask_settle(Verdicts::new(verdicts)).await;
        }
        let mut answers = vec![Settled::Stale; verdicts.len()];
        for places in rounds.drain(..) {
            let part = places.iter().map(|place| verdicts[*place].clone());
            let told = self.ask_settle(Verdicts::new(part.collect())).await?;
            for (place, answer) in places.into_iter().zip(told) {
                answers[place] = answer;
            }
        }
        Ok(answers)
    }

    async fn ask_settle(self: &Rc<Self>, verdicts: Verdicts) -> Result<Vec<Settled>, StoreError> {
        let server = Rc::clone(self);
        let drive = async move {
            let send = async |loads: &[&Verdicts]| server.send_settlements(loads).await;
            server.settlements.drive(send).await;
        };
        let start = || drop(spawn_local(drive));
        self.settlements.ask(verdicts, start).await
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
