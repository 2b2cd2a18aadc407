//! Lists, page by page: some hundred ids at a time, then the jobs.

use std::collections::HashMap;

use marionette::TaskId;
use marionette::inspect::{Filter, JobSummary, Listed, Page};
use marionette::store::{Name, StoreError};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::details::Shown;
use crate::codec;
use crate::link::Parameter;
use crate::server::Server;

/// How many ids are found at a time.
const CHUNK: i32 = 500;
/// How many payloads are read at a time.
const PAYLOADS: usize = 16;

impl Server {
    pub(crate) async fn list(&self, filter: Filter, page: Page) -> Result<Listed, StoreError> {
        let mut listed = Listed::default();
        let (Some(kinds), Some(queues)) = (names(&filter.kinds), names(&filter.queues)) else {
            return Ok(listed);
        };
        let mut behind = page.after.map(TaskId::uuid);
        loop {
            let ids = self
                .chunk(&filter, kinds.as_ref(), queues.as_ref(), behind)
                .await?;
            for shown in self.matching(&filter, &ids).await? {
                if listed.jobs.len() == page.size() {
                    listed.next = listed.jobs.last().map(|job| job.id);
                    return Ok(listed);
                }
                listed.jobs.push(shown);
            }
            behind = ids.last().copied();
            if ids.len() < CHUNK as usize {
                return Ok(listed);
            }
        }
    }

    /// The next ids that match but for the text, newest first.
    async fn chunk(
        &self,
        filter: &Filter,
        kinds: Option<&Vec<String>>,
        queues: Option<&Vec<String>>,
        behind: Option<Uuid>,
    ) -> Result<Vec<Uuid>, StoreError> {
        let states: Vec<i16> = filter
            .states
            .iter()
            .copied()
            .filter_map(codec::state_in)
            .collect();
        let states = (!filter.states.is_empty()).then_some(states);
        let from = filter.accepted_from.map(codec::micros);
        let before = filter.accepted_before.map(codec::micros);
        let sql = self.sql("SELECT id FROM marionette.list_1($1, $2, $3, $4, $5, $6, $7)");
        let parameters: [Parameter<'_>; 7] = [
            (&behind, Type::UUID),
            (&CHUNK, Type::INT4),
            (&states, Type::INT2_ARRAY),
            (&kinds, Type::TEXT_ARRAY),
            (&queues, Type::TEXT_ARRAY),
            (&from, Type::INT8),
            (&before, Type::INT8),
        ];
        let rows = self.reader.call(&sql, &parameters).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// The jobs with these ids that match.
    async fn matching(&self, filter: &Filter, ids: &[Uuid]) -> Result<Vec<JobSummary>, StoreError> {
        let shown = self.shown(ids).await?;
        let mut matching = Vec::with_capacity(shown.len());
        for shown in shown.chunks(if filter.text.is_some() {
            PAYLOADS
        } else {
            usize::MAX
        }) {
            let payloads = match filter.text {
                Some(_) => self.payloads(shown).await?,
                None => HashMap::new(),
            };
            for Shown { summary, options } in shown {
                let payload = payloads
                    .get(&summary.id.uuid())
                    .map_or(&[][..], Vec::as_slice);
                let reason = summary.reason.as_deref().filter(|_| summary.state.is_end());
                let texts = options.name.as_deref().into_iter().chain(reason);
                let JobSummary {
                    state,
                    kind,
                    queue,
                    accepted,
                    ..
                } = summary;
                if filter.admits(*state, kind, queue, *accepted) && filter.finds(payload, texts) {
                    matching.push(summary.clone());
                }
            }
        }
        Ok(matching)
    }

    async fn payloads(&self, shown: &[Shown]) -> Result<HashMap<Uuid, Vec<u8>>, StoreError> {
        let ids: Vec<Uuid> = shown.iter().map(|shown| shown.summary.id.uuid()).collect();
        let sql = self.sql("SELECT id, payload FROM marionette.job WHERE id = ANY ($1)");
        let rows = self.reader.call(&sql, &[(&ids, Type::UUID_ARRAY)]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }
}

/// The names among these texts: `Some(None)` for any name, `None` if no job can match.
#[allow(clippy::option_option)]
fn names(texts: &[String]) -> Option<Option<Vec<String>>> {
    if texts.is_empty() {
        return Some(None);
    }
    let is_name = |text: &&String| text.parse::<Name>().is_ok();
    let names: Vec<_> = texts.iter().filter(is_name).cloned().collect();
    (!names.is_empty()).then_some(Some(names))
}
