//! What a store, a file beside it, or another process hands to this program.

use std::path::Path;

use marionette::store::JobOptions;
use marionette::{Backoff, Payload};

use crate::command::{Command, Veil};
use crate::{minder, run};

/// Any payload of a job is a command that can be shown and stored again, or is refused.
pub fn command(bytes: &[u8]) {
    if let Ok(command) = Command::decode(bytes) {
        Veil::stored(&command);
        command.shown();
        command.typed(Path::new("/"));
        let stored = command.encode().expect("it can be stored");
        assert_eq!(Command::decode(&stored).expect("it is read back"), command);
    }
}

/// Any options of a job can be followed and stored again, or are refused.
pub fn options(bytes: &[u8]) {
    if let Ok(options) = serde_json::from_slice::<JobOptions>(bytes) {
        if let Some(backoff) = options.backoff {
            let backoff = Backoff::from(backoff);
            for failed in [1, 2, 1_000, u32::MAX] {
                let _ = backoff.pause(failed, u64::from(failed));
            }
        }
        let stored = serde_json::to_vec(&options).expect("they can be stored");
        let again: JobOptions = serde_json::from_slice(&stored).expect("they are read back");
        assert_eq!(serde_json::to_vec(&again).expect("as above"), stored);
    }
}

/// Any message between an instance and its minder is understood, or is refused.
pub fn message(bytes: &[u8]) {
    minder::fuzz::message(bytes);
}

/// Any output of a command has a last line that can be shown.
pub fn output(bytes: &[u8]) {
    minder::fuzz::output(bytes);
}

/// Any note of a run is read, or is refused.
pub fn note(bytes: &[u8]) {
    run::fuzz::note(bytes);
}
