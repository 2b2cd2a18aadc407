//! Walks through all indices, some entries at a time, and has each looked at.

use std::collections::{BTreeSet, HashMap, HashSet};

use marionette::TaskId;
use marionette::store::{InstanceId, StoreError};
use redis::Value;

use super::look::{Entry, Looker};
use super::report::CheckReport;
use super::sums::Sums;
use super::words::Index;
use crate::codec::{bytes, list, pairs};
use crate::error::strange;
use crate::layout::Key;
use crate::server::Server;

/// How many entries are read at a time.
const CHUNK: usize = 500;
/// As [`CHUNK`], where each comes with a row that may be long.
const ROWS: usize = 16;

#[derive(Debug)]
pub(super) struct Walker<'a> {
    server: &'a Server,
    looker: Looker,
    report: CheckReport,
    lanes: BTreeSet<Vec<u8>>,
    /// The jobs that have ended, and how many there are of each state and place.
    ended: HashSet<TaskId>,
    tally: HashMap<Vec<u8>, i64>,
}

impl<'a> Walker<'a> {
    pub(super) fn new(server: &'a Server) -> Self {
        Self {
            server,
            looker: Looker::default(),
            report: CheckReport::default(),
            lanes: BTreeSet::new(),
            ended: HashSet::new(),
            tally: HashMap::new(),
        }
    }

    pub(super) fn into_report(self) -> CheckReport {
        self.report
    }

    pub(super) async fn walk(&mut self) -> Result<(), StoreError> {
        let before = Sums::ask(self.server, &mut self.looker).await?;
        self.members(Index::Waiting, Key::Waiting, 13).await?;
        self.members(Index::Retrying, Key::Retrying, 13).await?;
        self.members(Index::Failed, Key::Failed, 1).await?;
        self.fields(Index::States, Key::States, CHUNK).await?;
        self.fields(Index::Attempts, Key::Attempts, CHUNK).await?;
        self.fields(Index::Cancels, Key::Cancels, CHUNK).await?;
        self.fields(Index::Ends, Key::Ends, ROWS).await?;
        for instance in self.looker.instances().to_vec() {
            self.hands(instance).await?;
        }
        self.done().await?;
        self.lanes().await?;
        let after = Sums::ask(self.server, &mut self.looker).await?;
        after.compare(&mut self.report);
        if before.counts == after.counts {
            after.compare_counts(&self.tally, &mut self.report);
        } else {
            let text = "the counts of ended jobs, since jobs ended or were forgotten meanwhile";
            self.report.left_out.push(text.to_owned());
        }
        if !self.report.is_clean() {
            // Those that nothing names are found by their bodies alone; it takes long.
            self.fields(Index::Bodies, Key::Bodies, ROWS).await?;
        }
        self.strays().await;
        Ok(())
    }

    /// Has all of these entries looked at.
    async fn look(&mut self, mut entries: Vec<Entry>) -> Result<(), StoreError> {
        while !entries.is_empty() {
            let (looked, left) = self.looker.look(self.server, entries).await?;
            for (entry, finding) in looked {
                let mut parts = finding.splitn(2, |byte| *byte == b'/');
                for letter in parts.next().unwrap_or_default() {
                    self.report.add(entry.job(), entry.index.fault(*letter));
                }
                if entry.index == Index::Ends
                    && let (Some(id), Some(place)) = (entry.job(), parts.next())
                    && self.ended.insert(id)
                {
                    *self.tally.entry(place.to_owned()).or_default() += 1;
                }
            }
            entries = left;
        }
        Ok(())
    }

    /// Has entries looked at that name their job at this place.
    async fn look_at(
        &mut self,
        index: Index,
        at: usize,
        entries: Vec<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let mut all = Vec::with_capacity(entries.len());
        for entry in entries {
            match Entry::at(index, at, entry) {
                Some(entry) => all.push(entry),
                None => self.report.add(None, index.unreadable()),
            }
        }
        self.look(all).await
    }

    /// Walks through a set whose scores are all the same.
    async fn members(&mut self, index: Index, key: Key, at: usize) -> Result<(), StoreError> {
        let mut from = b"-".to_vec();
        loop {
            let mut ask = redis::cmd("ZRANGEBYLEX");
            ask.arg(self.key(key)).arg(&from[..]).arg("+");
            ask.arg("LIMIT").arg(0).arg(CHUNK);
            let members = self.ask_list(&ask).await?;
            let Some(last) = members.last() else {
                return Ok(());
            };
            from = [b"(", &last[..]].concat();
            if index == Index::Waiting {
                let lanes = members.iter().filter_map(|member| member.get(..6));
                self.lanes.extend(lanes.map(<[u8]>::to_vec));
            }
            self.look_at(index, at, members).await?;
        }
    }

    /// Walks through a hash whose fields begin with an id.
    async fn fields(&mut self, index: Index, key: Key, most: usize) -> Result<(), StoreError> {
        let key = self.key(key).to_owned();
        let mut cursor = b"0".to_vec();
        loop {
            let (next, fields) = self.scan(&key, &cursor, most).await?;
            self.look_at(index, 0, fields).await?;
            if next == b"0" {
                return Ok(());
            }
            cursor = next;
        }
    }

    /// Walks through what an instance has.
    async fn hands(&mut self, instance: InstanceId) -> Result<(), StoreError> {
        let key = self.server.scripts.layout().held(instance);
        let mut cursor = b"0".to_vec();
        loop {
            let (next, fields) = self.scan(&key, &cursor, CHUNK).await?;
            let mut all = Vec::with_capacity(fields.len());
            for field in fields {
                match Entry::held(instance, field) {
                    Some(entry) => all.push(entry),
                    None => self.report.add(None, Index::Held.unreadable()),
                }
            }
            self.look(all).await?;
            if next == b"0" {
                return Ok(());
            }
            cursor = next;
        }
    }

    /// A step through a hash: where the next one begins, and fields without their values.
    async fn scan(
        &self,
        key: &str,
        cursor: &[u8],
        most: usize,
    ) -> Result<(Vec<u8>, Vec<Vec<u8>>), StoreError> {
        let mut ask = redis::cmd("HSCAN");
        ask.arg(key).arg(cursor).arg("COUNT").arg(most);
        let answer = list(self.server.bulk.ask(&ask).await?)?;
        let Ok([next, fields]) = <[Value; 2]>::try_from(answer) else {
            return Err(strange("a step through a hash"));
        };
        let fields = pairs(fields)?.into_iter().map(|(field, _)| bytes(field));
        Ok((bytes(next)?, fields.collect::<Result<_, _>>()?))
    }

    /// Walks through the list of done jobs, from those that ended last: what ends meanwhile shifts
    /// the others towards what has not been read, so that none is passed over.
    async fn done(&mut self) -> Result<(), StoreError> {
        for read in (0..).step_by(CHUNK) {
            let mut ask = redis::cmd("LRANGE");
            ask.arg(self.key(Key::Done));
            ask.arg(format!("-{}", read + CHUNK))
                .arg(format!("-{}", read + 1));
            let entries = self.ask_list(&ask).await?;
            let count = entries.len();
            self.look_at(Index::Done, 12, entries).await?;
            if count < CHUNK {
                break;
            }
        }
        Ok(())
    }

    /// Looks at all lanes: those of waiting jobs, and those that have a hint.
    async fn lanes(&mut self) -> Result<(), StoreError> {
        for key in [Key::Hints, Key::Suspects] {
            for first in (0..).step_by(CHUNK) {
                let mut ask = redis::cmd("ZRANGE");
                ask.arg(self.key(key)).arg(first).arg(first + CHUNK - 1);
                let lanes = self.ask_list(&ask).await?;
                let count = lanes.len();
                self.lanes.extend(lanes);
                if count < CHUNK {
                    break;
                }
            }
        }
        let lanes = std::mem::take(&mut self.lanes).into_iter().collect();
        self.look_at(Index::Lanes, 0, lanes).await
    }

    /// Looks for keys of instances that nobody knows, whose jobs nobody would take from them. It
    /// walks through all keys of the database, which not every user may.
    async fn strays(&mut self) {
        let pattern = format!("{}*", self.server.scripts.layout().hands());
        let known: HashSet<_> = self.looker.instances().iter().copied().collect();
        let known: HashSet<_> = known.into_iter().map(|it| self.held(it)).collect();
        let mut cursor = b"0".to_vec();
        loop {
            let mut ask = redis::cmd("SCAN");
            ask.arg(&cursor[..]).arg("MATCH").arg(&pattern);
            let asked = self.server.bulk.ask(ask.arg("COUNT").arg(1000)).await;
            let step = asked.and_then(list).and_then(|answer| {
                let [next, keys] = <[Value; 2]>::try_from(answer).map_err(|_| strange("keys"))?;
                let keys = list(keys)?.into_iter().map(bytes);
                Ok((bytes(next)?, keys.collect::<Result<Vec<_>, _>>()?))
            });
            let (next, keys) = match step {
                Ok(step) => step,
                Err(error) => {
                    let text = format!("keys of instances that nobody knows: {error}");
                    return self.report.left_out.push(text);
                }
            };
            for key in keys.into_iter().filter(|key| !known.contains(key)) {
                let key = String::from_utf8_lossy(&key).into_owned();
                let text = format!("the key `{key}` belongs to no instance that is known");
                self.report.add(None, text);
            }
            if next == b"0" {
                return;
            }
            cursor = next;
        }
    }

    fn held(&self, instance: InstanceId) -> Vec<u8> {
        self.server.scripts.layout().held(instance).into_bytes()
    }

    fn key(&self, key: Key) -> &str {
        self.server.scripts.layout().key(key)
    }

    async fn ask_list(&self, ask: &redis::Cmd) -> Result<Vec<Vec<u8>>, StoreError> {
        let answer = list(self.server.bulk.ask(ask).await?)?;
        answer.into_iter().map(bytes).collect()
    }
}
