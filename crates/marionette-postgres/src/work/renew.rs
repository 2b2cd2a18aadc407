//! Signs of life, and the leases that still hold.

use std::time::Duration;

use marionette::TaskId;
use marionette::store::{InstanceInfo, Lease, Renewal, StoreError};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::codec;
use crate::server::Server;

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
        let who = instance.id;
        let own: Vec<usize> = (0..leases.len())
            .filter(|&index| leases[index].instance == who)
            .collect();
        let ids: Vec<Uuid> = own.iter().map(|&index| leases[index].job.uuid()).collect();
        let tokens: Vec<i64> = own.iter().map(|&index| leases[index].token).collect();
        let sql = self.sql("SELECT n, cancel, has FROM marionette.renew_1($1, $2, $3, $4)");
        let rows = self
            .hot
            .call(
                &sql,
                &[
                    (&who.uuid(), Type::UUID),
                    (&about, Type::BYTEA),
                    (&ids, Type::UUID_ARRAY),
                    (&tokens, Type::INT8_ARRAY),
                ],
            )
            .await?;
        let mut answers = vec![Renewal::Lost; leases.len()];
        for &index in &own {
            answers[index] = Renewal::Kept;
        }
        let mut has = 0;
        for row in rows {
            let (n, cancel): (i64, Option<&[u8]>) = (row.get(0), row.get(1));
            let place = usize::try_from(n).unwrap_or(0).checked_sub(1);
            match place.and_then(|place| own.get(place)) {
                Some(&index) => {
                    answers[index] =
                        cancel.map_or(Renewal::Lost, |why| Renewal::Cancel(codec::text(why)));
                }
                None => has = row.get::<_, Option<i64>>(2).unwrap_or(0),
            }
        }
        let own: Vec<Lease> = own.into_iter().map(|index| leases[index]).collect();
        let kept = answers.iter().filter(|it| **it != Renewal::Lost).count();
        self.note_unnamed(&instance, &own, kept, usize::try_from(has).unwrap_or(0))
            .await?;
        Ok(answers)
    }

    /// If the instance has more than it named, finds out what.
    async fn note_unnamed(
        &self,
        instance: &InstanceInfo,
        leases: &[Lease],
        kept: usize,
        has: usize,
    ) -> Result<(), StoreError> {
        let (lease, now) = (self.settings.timing.lease, self.settings.clock.monotonic());
        let is_to_be_read = {
            let mut unnamed = self.unnamed.borrow_mut();
            let is_to_be_read = unnamed.renewed(instance.id, kept, has, now, lease);
            unnamed.named(instance.id, leases);
            is_to_be_read
        };
        if is_to_be_read {
            let sql = self.sql("SELECT id, token, age FROM marionette.held_1($1)");
            let rows = self
                .hot
                .call(&sql, &[(&instance.id.uuid(), Type::UUID)])
                .await?;
            let held = rows.iter().map(|row| {
                let (id, token, age): (Uuid, i64, i64) = (row.get(0), row.get(1), row.get(2));
                let age = Duration::from_micros(u64::try_from(age).unwrap_or(0));
                (TaskId::from(id), token, age)
            });
            let held = held.collect();
            self.unnamed
                .borrow_mut()
                .read(instance.id, held, leases, now);
        }
        Ok(())
    }
}
