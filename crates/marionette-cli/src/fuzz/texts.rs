//! Texts that are shown, and lines for a shell.

use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::is_fit_to_print;
use crate::command::{pieces, quoted, simple_commands};
use crate::console::text;

/// Any text is shown in plain characters, and in no more columns than there are.
pub fn shown(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    is_fit_to_print(&text::safe(&text));
    is_fit_to_print(&text::safe_lines(&text).replace(['\n', '\t'], ""));
    for columns in [0, 1, 7, 80] {
        let clipped = text::clip(&text, columns);
        is_fit_to_print(&clipped);
        assert!(clipped.width() <= columns, "{clipped:?} in {columns}");
    }
    let shown = text::coloured(&text);
    let bare = shown
        .split("\x1b[")
        .enumerate()
        .map(|(nth, piece)| match nth {
            0 => piece,
            _ => piece.split_once('m').expect("only colours have stayed").1,
        });
    is_fit_to_print(&bare.collect::<String>().replace(['\n', '\t'], ""));
    assert_eq!(text::coloured(&shown), shown, "what is clean stays");
    assert!(text::shorten(&text, 100, 30).len() <= 100);
    let value = Value::from(&*text);
    let line = text::json(&value);
    is_fit_to_print(&line);
    assert_eq!(
        serde_json::from_str::<Value>(&line).expect("it is JSON"),
        value
    );
}

/// Any line for a shell is taken to pieces, and any text is quoted as one word.
pub fn shell(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    assert!(pieces(&text).count() <= 1 + text.len());
    assert!(simple_commands(&text).len() <= 1 + text.len());
    let word = text.replace('\0', "");
    let shown = quoted(&word);
    is_fit_to_print(&shown);
    // The text is one word, whatever was in it.
    assert!(pieces(&shown).count() <= 1, "{shown}");
}
