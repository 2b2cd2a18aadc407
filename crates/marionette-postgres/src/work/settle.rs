//! Writes what became of claimed jobs.

use std::collections::{HashMap, HashSet};

use marionette::store::{Attempted, Due, Lease, Next, Settled, Settlement, StoreError};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::codec;
use crate::error::strange;
use crate::server::Server;

/// Settlements as the columns of one call.
#[derive(Debug, Default)]
struct SettlementColumns {
    ids: Vec<Uuid>,
    holders: Vec<Uuid>,
    tokens: Vec<i64>,
    nexts: Vec<i16>,
    told: Vec<Option<Vec<u8>>>,
    ends: Vec<Option<i16>>,
    dues: Vec<Option<i64>>,
    afters: Vec<Option<i64>>,
    rans: Vec<Option<i64>>,
    outcomes: Vec<Option<i16>>,
    errors: Vec<Option<Vec<u8>>>,
}

impl SettlementColumns {
    /// `None` for what is newer than this library.
    fn push(&mut self, settlement: Settlement) -> Option<()> {
        let end = match settlement.end() {
            Some(kind) => Some(codec::end_in(kind)?),
            None => None,
        };
        let (next, told, due) = match settlement.next {
            Next::Done(result) => (0, Some(result), Due::Now),
            Next::Unkept(why) => (1, Some(codec::clipped(&why)), Due::Now),
            Next::Retry(due) => (2, None, due),
            Next::Snooze(due) => (3, None, due),
            Next::Release => (4, None, Due::Now),
            Next::Bury => (5, None, Due::Now),
            Next::Cancel { reason, .. } => (6, Some(codec::clipped(&reason)), Due::Now),
            _ => return None,
        };
        let (due, after) = codec::when(due)?;
        let (ran, outcome, error) = match settlement.attempt {
            Some(Attempted {
                ran,
                outcome,
                error,
                ..
            }) => {
                let ran = i64::try_from(ran.as_nanos()).unwrap_or(i64::MAX);
                let outcome = codec::outcome_in(outcome)?;
                (
                    Some(ran),
                    Some(outcome),
                    error.map(|error| codec::clipped(&error)),
                )
            }
            None => (None, None, None),
        };
        self.ids.push(settlement.lease.job.uuid());
        self.holders.push(settlement.lease.instance.uuid());
        self.tokens.push(settlement.lease.token);
        self.nexts.push(next);
        self.told.push(told);
        self.ends.push(end);
        self.dues.push(due);
        self.afters.push(after);
        self.rans.push(ran);
        self.outcomes.push(outcome);
        self.errors.push(error);
        Some(())
    }
}

impl Server {
    pub(crate) async fn settle(
        &self,
        settlements: Vec<Settlement>,
    ) -> Result<Vec<Settled>, StoreError> {
        let mut columns = SettlementColumns::default();
        let mut leases = Vec::with_capacity(settlements.len());
        let mut seen: HashSet<Lease> = HashSet::with_capacity(settlements.len());
        for settlement in settlements {
            settlement.check()?;
            let lease = settlement.lease;
            leases.push(lease);
            // Of two settlements of a lease the first counts.
            if seen.insert(lease) && columns.push(settlement).is_none() {
                return Err(StoreError::unsupported(format!(
                    "job {}: this store does not know what follows for it",
                    lease.job
                )));
            }
        }
        if leases.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.settle_call(&columns).await?;
        let answers: Vec<bool> = rows.first().map(|row| row.get(0)).unwrap_or_default();
        if answers.len() != columns.ids.len() {
            return Err(strange("an answer for each settlement"));
        }
        let mut answers = answers.into_iter();
        let mut known = HashMap::new();
        let answer = |lease| {
            let is_applied = *known
                .entry(lease)
                .or_insert_with(|| answers.next().unwrap_or(false));
            if is_applied {
                Settled::Applied
            } else {
                Settled::Stale
            }
        };
        let answers: Vec<_> = leases.into_iter().map(answer).collect();
        self.prune_after(answers.len()).await;
        Ok(answers)
    }

    async fn settle_call(&self, columns: &SettlementColumns) -> Result<Vec<Row>, StoreError> {
        let sql =
            self.sql("SELECT marionette.settle_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");
        self.durable
            .call(
                &sql,
                &[
                    (&columns.ids, Type::UUID_ARRAY),
                    (&columns.holders, Type::UUID_ARRAY),
                    (&columns.tokens, Type::INT8_ARRAY),
                    (&columns.nexts, Type::INT2_ARRAY),
                    (&columns.told, Type::BYTEA_ARRAY),
                    (&columns.ends, Type::INT2_ARRAY),
                    (&columns.dues, Type::INT8_ARRAY),
                    (&columns.afters, Type::INT8_ARRAY),
                    (&columns.rans, Type::INT8_ARRAY),
                    (&columns.outcomes, Type::INT2_ARRAY),
                    (&columns.errors, Type::BYTEA_ARRAY),
                ],
            )
            .await
    }
}
