//! Where an instance ran and keeps what its commands wrote, for the other machines that share its
//! store: there the instance is known only while it lives.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use marionette::store::InstanceId;
use serde::{Deserialize, Serialize};

use crate::process::host_name;
use crate::store::Opened;

/// The shelf of these records.
const SHELF: &str = "instances";
/// The number of instances above which the oldest are forgotten, and how many at once.
const KEPT: u64 = 10_000;
const STEP: usize = 1_000;

/// Where an instance ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Whereabouts {
    /// The name of the machine.
    pub(crate) host: Option<String>,
    /// The folder of all outputs there. A path need not be UTF-8, but this is.
    outputs: PathBuf,
}

impl Whereabouts {
    /// Here.
    pub(crate) fn here(opened: &Opened) -> Self {
        let outputs = opened.outputs().path();
        Self {
            host: host_name(),
            outputs: outputs.to_string_lossy().into_owned().into(),
        }
    }

    /// The folder with the outputs.
    pub(crate) fn outputs(&self) -> &Path {
        &self.outputs
    }
}

/// Notes that this instance runs here. Nothing is noted for a store of this machine alone.
pub(super) async fn note(opened: &Opened, instance: InstanceId) -> Result<()> {
    let Some(records) = opened.records(SHELF) else {
        return Ok(());
    };
    let here = serde_json::to_vec(&Whereabouts::here(opened))?;
    records
        .replace(&instance.to_string(), None, Some(&here))
        .await?;
    if records.count().await? > KEPT {
        let mut all = records.all().await?;
        // An id begins with the time of its start.
        all.sort_unstable();
        for (key, value) in all.into_iter().take(STEP) {
            records.replace(&key, Some(&value), None).await?;
        }
    }
    Ok(())
}

/// Where an instance ran; `None` if that is not known, or not any more.
pub(crate) async fn of(opened: &Opened, instance: InstanceId) -> Result<Option<Whereabouts>> {
    let Some(records) = opened.records(SHELF) else {
        return Ok(None);
    };
    let noted = records.get(&instance.to_string()).await?;
    let read = noted.map(|noted| serde_json::from_slice(&noted));
    read.transpose()
        .with_context(|| format!("where instance {instance} ran is not what this program wrote"))
}
