//! Gives jobs to instances.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use marionette::TaskId;
use marionette::store::{
    CALL_ROWS_MAX, Claim, Claimed, InstanceId, Lease, Name, PastAttempt, Priority, StoreError,
};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::clock::monotonic;
use crate::codec;
use crate::link::Parameter;
use crate::server::Server;

/// A claim as the parameters of its call.
#[derive(Debug)]
struct AskedClaim {
    who: Uuid,
    kinds: Vec<String>,
    queues: Option<Vec<String>>,
    most: usize,
    suspects: usize,
}

impl AskedClaim {
    fn new(claim: &Claim) -> Self {
        let names =
            |names: &[Name]| -> Vec<String> { names.iter().map(ToString::to_string).collect() };
        let queues = names(&claim.wanted.queues);
        Self {
            who: claim.instance.uuid(),
            kinds: names(&claim.wanted.kinds),
            queues: (!queues.is_empty()).then_some(queues),
            most: claim.limit.min(CALL_ROWS_MAX),
            suspects: claim.suspects.min(CALL_ROWS_MAX),
        }
    }
}

impl Server {
    /// Claims jobs; their rows.
    async fn claim_rows(
        &self,
        asked: &AskedClaim,
        (lanes, lows): (&Vec<i64>, &Vec<i64>),
    ) -> Result<Vec<Row>, StoreError> {
        let sql = self.sql(
            "SELECT id, token, previous, at, queue, kind, priority, lane, due, first_due, failed,
                 crashes, history, options, payload
             FROM marionette.claim_1($1, $2, $3, $4, $5, $6, $7)",
        );
        let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let (most, suspects) = (number(asked.most), number(asked.suspects));
        let parameters: [Parameter<'_>; 7] = [
            (&asked.who, Type::UUID),
            (&asked.kinds, Type::TEXT_ARRAY),
            (&asked.queues, Type::TEXT_ARRAY),
            (&most, Type::INT4),
            (&suspects, Type::INT4),
            (lanes, Type::INT8_ARRAY),
            (lows, Type::INT8_ARRAY),
        ];
        self.hot.call(&sql, &parameters).await
    }

    /// Claims with the hints of earlier claims, and again without them if a hint may have hidden
    /// some.
    async fn claim_with_hints(&self, mut asked: AskedClaim) -> Result<Vec<Row>, StoreError> {
        let most = asked.most;
        let (lanes, lows) = self.hints.borrow_mut().columns(monotonic());
        let mut rows = self.claim_rows(&asked, (&lanes, &lows)).await?;
        if rows.len() < most && !lanes.is_empty() {
            let is_suspect = |row: &&Row| row.get::<_, i32>("crashes") > 0;
            asked.most -= rows.len();
            asked.suspects = asked
                .suspects
                .saturating_sub(rows.iter().filter(is_suspect).count());
            // What was claimed is not lost if this fails.
            if let Ok(others) = self.claim_rows(&asked, (&Vec::new(), &Vec::new())).await {
                rows.extend(others);
            }
        }
        let places = rows.iter().map(|row| (row.get("lane"), row.get("due")));
        self.hints
            .borrow_mut()
            .note(&places.collect::<Vec<_>>(), most);
        Ok(rows)
    }

    pub(crate) async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
        let rows = self.claim_with_hints(AskedClaim::new(&claim)).await?;
        let mut jobs = Vec::with_capacity(rows.len());
        let mut with_history = Vec::new();
        for row in &rows {
            let claimed = claimed(row, claim.instance)?;
            if claimed.failed > 0 {
                with_history.push(claimed.lease.job.uuid());
            }
            let due: i64 = row.get("due");
            jobs.push(((Reverse(claimed.priority), due, claimed.lease.job), claimed));
        }
        jobs.sort_by_key(|(place, _)| *place);
        let mut failures = self.failures(with_history).await?;
        let with_failures = |(_, mut job): (_, Claimed)| {
            job.attempts = failures.remove(&job.lease.job).unwrap_or_default();
            job
        };
        Ok(jobs.into_iter().map(with_failures).collect())
    }

    /// The failed attempts of these jobs.
    async fn failures(
        &self,
        ids: Vec<Uuid>,
    ) -> Result<HashMap<TaskId, Vec<PastAttempt>>, StoreError> {
        let mut failures: HashMap<_, Vec<_>> = HashMap::new();
        if ids.is_empty() {
            return Ok(failures);
        }
        let sql = self.sql("SELECT * FROM marionette.failures_1($1)");
        for row in self.hot.call(&sql, &[(&ids, Type::UUID_ARRAY)]).await? {
            let id: Uuid = row.get("id");
            failures.entry(id.into()).or_default().push(past(&row)?);
        }
        Ok(failures)
    }

    /// Gives back what a caller claimed that is gone meanwhile.
    pub(crate) fn give_back_soon(self: Rc<Self>, claimed: Vec<Claimed>) {
        let leases: Vec<_> = claimed.into_iter().map(|claimed| claimed.lease).collect();
        tokio::task::spawn_local(async move {
            // What fails here is found by the next renewal of its instance.
            let _ = self.give_back(&leases).await;
        });
    }

    /// Lets jobs wait again whose instances do not know of them. Returns how many wait.
    pub(crate) async fn give_back(&self, leases: &[Lease]) -> Result<u64, StoreError> {
        let mut by_instance: HashMap<InstanceId, (Vec<Uuid>, Vec<i64>)> = HashMap::new();
        for lease in leases {
            let (ids, tokens) = by_instance.entry(lease.instance).or_default();
            ids.push(lease.job.uuid());
            tokens.push(lease.token);
        }
        let sql = self.sql("SELECT marionette.free_1($1, $2, $3)");
        let mut waits = 0;
        for (instance, (ids, tokens)) in by_instance {
            let rows = self
                .hot
                .call(
                    &sql,
                    &[
                        (&instance.uuid(), Type::UUID),
                        (&ids, Type::UUID_ARRAY),
                        (&tokens, Type::INT8_ARRAY),
                    ],
                )
                .await?;
            let freed: i32 = rows.first().map_or(0, |row| row.get(0));
            waits += u64::try_from(freed).unwrap_or(0);
        }
        Ok(waits)
    }
}

fn claimed(row: &Row, instance: InstanceId) -> Result<Claimed, StoreError> {
    let id: Uuid = row.get("id");
    let lease = Lease::new(id.into(), instance, 0, row.get("token"));
    let (kind, queue) = (
        codec::name(row.get("kind"))?,
        codec::name(row.get("queue"))?,
    );
    let mut claimed = Claimed::new(lease, kind, queue, row.get("payload"));
    let (at, due, first): (i64, i64, i64) = (row.get("at"), row.get("due"), row.get("first_due"));
    let priority: i16 = row.get("priority");
    let count = |number: i32| u32::try_from(number).unwrap_or(0);
    claimed.previous = row.get("previous");
    claimed.priority = Priority::new(i8::try_from(priority).unwrap_or_default());
    claimed.options = codec::options_out(row.get("options"))?;
    claimed.failed = count(row.get("failed"));
    claimed.crashes = count(row.get("crashes"));
    claimed.late = codec::passed(due, at);
    claimed.age = codec::passed(first, at);
    Ok(claimed)
}

/// An attempt as its instance is told of it.
pub(super) fn past(row: &Row) -> Result<PastAttempt, StoreError> {
    let number: i32 = row.get("number");
    let (ran, error): (i64, Option<&[u8]>) = (row.get("ran"), row.get("error"));
    let ran = Duration::from_nanos(u64::try_from(ran).unwrap_or(0));
    let outcome = codec::outcome_out(row.get("outcome"))?;
    let mut past = PastAttempt::new(u32::try_from(number).unwrap_or(0), outcome, ran);
    past.error = error.map(codec::text);
    let instance: Option<Uuid> = row.get("instance");
    past.instance = instance.map(InstanceId::from);
    Ok(past)
}
