//! The sums of all there is, at one moment.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use marionette::store::{InstanceId, StoreError};
use redis::Value;

use super::look::Looker;
use super::report::CheckReport;
use crate::codec::{byte_pairs, bytes, int, list};
use crate::error::strange;
use crate::scripts::Script;
use crate::server::Server;

/// How many numbers the answer of the script begins with.
const NUMBERS: usize = 10;

#[derive(Debug)]
pub(super) struct Sums {
    numbers: [i64; NUMBERS],
    /// How many jobs have ended, by state and place.
    pub(super) counts: BTreeMap<Vec<u8>, i64>,
    names: BTreeMap<Vec<u8>, Vec<u8>>,
    paused: BTreeSet<Vec<u8>>,
    telling: BTreeSet<Vec<u8>>,
    instances: BTreeSet<Vec<u8>>,
}

impl Sums {
    pub(super) async fn ask(server: &Server, looker: &mut Looker) -> Result<Self, StoreError> {
        let ids = |instances: &[InstanceId]| -> Vec<_> {
            let ids = instances.iter();
            ids.map(|it| it.uuid().as_bytes().to_vec()).collect()
        };
        let mut answer = looker.call(server, Script::Sums, ids).await?.into_iter();
        let mut numbers = [0; NUMBERS];
        for number in &mut numbers {
            *number = int(answer.next().unwrap_or(Value::Nil))?.unwrap_or(0);
        }
        let Ok([counts, names, paused, telling]) =
            <[Value; 4]>::try_from(answer.collect::<Vec<_>>())
        else {
            return Err(strange("the sums of a store"));
        };
        let mut sums = Self {
            numbers,
            counts: BTreeMap::new(),
            names: byte_pairs(names)?.into_iter().collect(),
            paused: list(paused)?
                .into_iter()
                .map(bytes)
                .collect::<Result<_, _>>()?,
            telling: list(telling)?
                .into_iter()
                .map(bytes)
                .collect::<Result<_, _>>()?,
            instances: ids(looker.instances()).into_iter().collect(),
        };
        for (place, count) in byte_pairs(counts)? {
            let count = String::from_utf8_lossy(&count).parse().unwrap_or(i64::MIN);
            sums.counts.insert(place, count);
        }
        sums.counts.retain(|_, count| *count != 0);
        Ok(sums)
    }

    /// Says which sums do not agree.
    pub(super) fn compare(&self, report: &mut CheckReport) {
        let [
            bodies,
            waiting,
            running,
            _,
            ended,
            failed,
            by_time,
            until,
            done,
            gone,
        ] = self.numbers;
        let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
        (report.waiting, report.running) = (unsigned(waiting), unsigned(running));
        report.ended = unsigned(ended);
        let places = waiting + running + ended;
        if bodies != places {
            report.add(
                None,
                format!("{bodies} jobs have a body, and {places} have a place"),
            );
        }
        if ended != failed + until + done - gone {
            let lists = failed + until + done - gone;
            report.add(
                None,
                format!("{ended} jobs have ended, and {lists} are in a list of those"),
            );
        }
        if failed != by_time {
            let text = format!(
                "{failed} jobs ended without success, and {by_time} of them will be forgotten"
            );
            report.add(None, text);
        }
        self.compare_names(report);
    }

    /// Says which names have no number, or another one than the number has, and which marks of
    /// paused queues and of instances do not agree.
    fn compare_names(&self, report: &mut CheckReport) {
        let mut known = BTreeSet::new();
        for (name, number) in &self.names {
            let (back, number) = match name.get(..2) {
                Some(b"g/") => (b'G', number.get(..2)),
                Some(b"q/") => (b'Q', number.get(..3)),
                Some(b"i/") => {
                    known.insert(name[2..].to_vec());
                    continue;
                }
                _ => continue,
            };
            let shown = String::from_utf8_lossy(&name[2..]).into_owned();
            let back = number.and_then(|it| self.names.get(&[&[back], it].concat()));
            if back.map(Vec::as_slice) != Some(&name[2..]) {
                report.add(
                    None,
                    format!("the number of `{shown}` belongs to another name"),
                );
            }
            let is_marked = name.starts_with(b"q/") && self.names[name].len() > 3;
            let is_paused = name.starts_with(b"q/")
                && number.is_some_and(|number| self.paused.contains(number));
            if is_marked != is_paused {
                report.add(None, format!("the queue `{shown}` is paused only half"));
            }
        }
        if known != self.instances {
            report.add(
                None,
                "an instance is known only half, so it may claim in vain",
            );
        }
        if !self.telling.is_subset(&self.instances) {
            report.add(
                None,
                "an instance that is not known tells something about itself",
            );
        }
    }

    /// Compares the counts of ended jobs with those that were met.
    pub(super) fn compare_counts(&self, tally: &HashMap<Vec<u8>, i64>, report: &mut CheckReport) {
        let met: BTreeMap<_, _> = tally.iter().map(|(place, count)| (place, *count)).collect();
        let told: BTreeMap<_, _> = self.counts.iter().map(|(place, it)| (place, *it)).collect();
        if met == told {
            return;
        }
        let wrong = met.keys().chain(told.keys()).collect::<BTreeSet<_>>();
        let wrong = wrong
            .into_iter()
            .filter(|place| met.get(**place) != told.get(**place));
        let text = format!(
            "the counts of ended jobs are wrong for {} states and places",
            wrong.count()
        );
        report.add(None, text);
    }
}
