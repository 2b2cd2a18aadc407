//! What holds for the note of a run, whatever its bytes are.

use super::note::{Note, parts};

/// Any bytes are a note that can be written again, or are refused; any text is the name of a queue.
pub(crate) fn note(bytes: &[u8]) {
    if let Ok(note) = serde_json::from_slice::<Note>(bytes) {
        let stored = serde_json::to_vec(&note).expect("it can be noted");
        let again: Note = serde_json::from_slice(&stored).expect("it is read back");
        assert_eq!(serde_json::to_vec(&again).expect("as above"), stored);
    }
    parts(&String::from_utf8_lossy(bytes));
}
