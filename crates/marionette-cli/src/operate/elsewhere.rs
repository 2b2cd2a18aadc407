//! Where the attempts of a task were made, and where their output is. On a store that machines
//! share, output stays where it was written.

use std::collections::HashMap;

use anyhow::Result;
use marionette::inspect::JobDetails;
use marionette::store::InstanceId;
use marionette::{Job, Payload};

use crate::command::{Command, Success};
use crate::console::short_id;
use crate::console::text::safe;
use crate::instance::whereabouts::{self, Whereabouts};
use crate::output;

use super::operator::Operator;

/// Shown in place of output that has been removed.
const LET_GO: &str = "it is not kept any more: only that of the latest tasks is \
                      (--keep-outputs of `run` and `work` says of how many)";

/// Where the instances ran that made the attempts of a task, or make one.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    known: HashMap<InstanceId, Whereabouts>,
    here: Option<Whereabouts>,
}

impl Elsewhere {
    /// Asks for the instances of a task. A store that is a file is here, and has nothing elsewhere.
    pub(super) async fn look(operator: &Operator, details: &JobDetails) -> Result<Self> {
        let opened = &operator.opened;
        if !opened.is_shared() {
            return Ok(Self::default());
        }
        let mut known = HashMap::new();
        for instance in instances(details) {
            if !known.contains_key(&instance)
                && let Some(found) = whereabouts::of(opened, instance).await?
            {
                known.insert(instance, found);
            }
        }
        let here = Some(Whereabouts::here(opened));
        Ok(Self { known, here })
    }

    /// The machine of an instance, if it is known.
    pub(super) fn host(&self, instance: InstanceId) -> Option<&str> {
        self.known.get(&instance)?.host.as_deref()
    }

    /// The folder with the output of a task, on the machine of an instance.
    pub(super) fn folder(&self, instance: InstanceId, details: &JobDetails) -> Option<String> {
        let outputs = self.known.get(&instance)?.outputs();
        let folder = outputs.join(output::within(details.summary.id));
        Some(folder.display().to_string())
    }

    /// What there is to say about output that is not here; `None` if there is none.
    pub(super) fn missing(&self, details: &JobDetails, has_output: bool) -> Option<String> {
        let Some(here) = &self.here else {
            return (!has_output && has_let_go(details)).then(|| LET_GO.to_owned());
        };
        if !keeps_output(details) || wrote_nothing(details) {
            return None;
        }
        let mut told = Vec::new();
        let mut was_here = false;
        for instance in instances(details) {
            if self.known.get(&instance) == Some(here) {
                was_here = true;
                continue;
            }
            let line = self.place(instance, details);
            if !told.contains(&line) {
                told.push(line);
            }
        }
        if told.is_empty() {
            return (was_here && !has_output && has_let_go(details)).then(|| LET_GO.to_owned());
        }
        Some(told.join("\n"))
    }

    /// Where the output is that an instance kept.
    fn place(&self, instance: InstanceId, details: &JobDetails) -> String {
        let short = short_id::short(instance.uuid().into());
        let host = self.host(instance).map(safe);
        match (host, self.folder(instance, details)) {
            (Some(host), Some(folder)) => {
                format!(
                    "what instance {short} kept is on {host}, in {}",
                    safe(&folder)
                )
            }
            _ => format!(
                "what instance {short} kept is not on this machine, and it is not known any more \
                 where it ran"
            ),
        }
    }
}

/// The instances that made attempts of a task, and the one that makes one, each once.
fn instances(details: &JobDetails) -> Vec<InstanceId> {
    let attempts = details.attempts.iter().filter_map(|it| it.instance);
    let mut all = Vec::new();
    for instance in attempts.chain(details.summary.instance) {
        if !all.contains(&instance) {
            all.push(instance);
        }
    }
    all
}

/// Whether the output of a task is kept at all.
fn keeps_output(details: &JobDetails) -> bool {
    details.summary.kind == Command::KIND
        && Command::decode(&details.payload).is_ok_and(|command| command.output_bytes > 0)
}

/// How much a task wrote. Only a task that is done says it.
fn wrote(details: &JobDetails) -> Option<u64> {
    let success = serde_json::from_slice::<Success>(details.result.as_deref()?);
    Some(success.ok()?.output_bytes)
}

fn wrote_nothing(details: &JobDetails) -> bool {
    wrote(details) == Some(0) && details.attempts.len() <= 1
}

/// Whether a task wrote what is not here.
fn has_let_go(details: &JobDetails) -> bool {
    keeps_output(details) && wrote(details).is_some_and(|bytes| bytes > 0)
}
