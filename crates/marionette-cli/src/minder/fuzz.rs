//! Fuzzes the messages between an instance and its minder, and the output of commands: any bytes.

use super::last_line::LastLine;
use super::{News, Order};
use crate::command::Veil;
use crate::fuzz::{fuzz, is_fit_to_print};

#[test]
fn any_bytes_are_a_message_or_refused() {
    let corpus: [&[u8]; 6] = [
        br#"{"Start":[1,{"command":{"run":"true","cwd":"/"},"job":"a","number":1}]}"#,
        br#"{"End":[1,{"secs":5,"nanos":0}]}"#,
        br#""Leave""#,
        br#""Ready""#,
        br#"{"Started":[1,4711]}"#,
        br#"{"Unable":{"why":"no room","is_full":true}}"#,
    ];
    fuzz(&corpus, |bytes| {
        if let Ok(order) = serde_json::from_slice::<Order>(bytes) {
            let told = serde_json::to_vec(&order).expect("it can be told");
            let again: Order = serde_json::from_slice(&told).expect("it is understood");
            assert_eq!(serde_json::to_vec(&again).expect("as above"), told);
        }
        if let Ok(word) = serde_json::from_slice::<News>(bytes) {
            let told = serde_json::to_vec(&word).expect("it can be told");
            serde_json::from_slice::<News>(&told).expect("it is understood");
        }
    });
}

#[test]
fn any_output_has_a_last_line_that_can_be_shown() {
    let corpus: [&[u8]; 5] = [
        b"copied 1 of 3\rcopied 2 of 3\rerror: no space\n",
        b"\x1b]0;title\x07\x1b[1A\x1b[2K\rstep 2: \x1b[31mno\x1b[0m\n",
        "caf\u{e9} 世界\n\n".as_bytes(),
        b"work |\x08/\x08-\x08done\x1b[18446744073709551615C\x1b[;;;m",
        b"line one\nline two\n \n",
    ];
    fuzz(&corpus, |bytes| {
        for size in [1, 7, bytes.len().max(1)] {
            let mut line = LastLine::default();
            bytes.chunks(size).for_each(|piece| line.push(piece));
            if let Some(told) = line.get(&Veil::default()) {
                is_fit_to_print(&told);
                assert!(told.len() < 16 * 1024, "{} bytes", told.len());
            }
        }
    });
}
