//! Fuzzes the note of a run: any bytes are read or refused.

use super::ledger::{Note, parts};
use crate::fuzz::fuzz;

#[test]
fn any_note_of_a_run_is_read_or_refused() {
    let corpus: [&[u8]; 3] = [
        br#"{"file":"tasks.txt","identity":null,"generation":3,"finished":false}"#,
        br#"{"file":"a","generation":18446744073709551615,"finished":true}"#,
        b"run.0123456789abcdef.18446744073709551615",
    ];
    fuzz(&corpus, |bytes| {
        if let Ok(note) = serde_json::from_slice::<Note>(bytes) {
            let stored = serde_json::to_vec(&note).expect("it can be noted");
            let again: Note = serde_json::from_slice(&stored).expect("it is read back");
            assert_eq!(serde_json::to_vec(&again).expect("as above"), stored);
        }
        parts(&String::from_utf8_lossy(bytes));
    });
}
