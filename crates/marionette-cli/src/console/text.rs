//! Makes foreign text safe to print: nothing in it can move the cursor, change a colour, or turn
//! the direction of the text behind it.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

use serde_json::Value;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text in one line, with everything that a terminal could obey written out.
pub(crate) fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        push_safe(&mut safe, char);
    }
    safe
}

/// The text with its lines, each of them made safe; tabs stay.
pub(crate) fn safe_lines(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line.strip_suffix('\r').unwrap_or(line), "\n"),
            None => (line, ""),
        };
        for char in line.chars() {
            match char {
                '\t' => safe.push('\t'),
                char => push_safe(&mut safe, char),
            }
        }
        safe.push_str(end);
    }
    safe
}

/// A path in one line, safe to print.
pub(crate) fn path(path: &Path) -> String {
    safe(&path.to_string_lossy())
}

/// The lines of a text, with the colours that are ours. Every other character that a terminal would
/// obey is written out: this is the last check of all output, so that text that nobody made safe
/// before can do no more than be red or bold.
pub(crate) fn coloured(text: &str) -> Cow<'_, str> {
    let is_harmless = |char: char| !is_obeyed(char) || matches!(char, '\n' | '\t');
    if text.chars().all(is_harmless) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find('\x1b') {
        safe.push_str(&safe_lines(&rest[..place]));
        rest = &rest[place..];
        let colour = COLOURS.iter().find(|colour| rest.starts_with(**colour));
        rest = if let Some(colour) = colour {
            safe.push_str(colour);
            &rest[colour.len()..]
        } else {
            push_safe(&mut safe, '\x1b');
            &rest[1..]
        };
    }
    safe.push_str(&safe_lines(rest));
    Cow::Owned(safe)
}

/// The colours of our tables and of the help, and their ends.
const COLOURS: [&str; 11] = [
    "\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[4m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m",
    "\x1b[35m", "\x1b[36m", "\x1b[39m",
];

/// A value for programs, in one line. JSON lets through some characters that a terminal obeys; they
/// are escaped too.
pub(crate) fn json(value: &Value) -> String {
    let text = value.to_string();
    if !text.contains(is_obeyed) {
        return text;
    }
    let mut line = String::with_capacity(text.len());
    for char in text.chars() {
        if !is_obeyed(char) {
            line.push(char);
            continue;
        }
        // Such a character can only stand in a string.
        for unit in char.encode_utf16(&mut [0; 2]) {
            write!(line, "\\u{unit:04x}").expect("a string takes all that is written");
        }
    }
    line
}

/// A safe text, cut to at most `columns`; `…` marks the cut.
pub(crate) fn clip(text: &str, columns: usize) -> String {
    let safe = safe(text);
    if safe.width() <= columns {
        return safe;
    }
    let mut clipped = String::new();
    let mut used = 1; // The ellipsis.
    for char in safe.chars() {
        used += char.width().unwrap_or(0);
        if used > columns {
            break;
        }
        clipped.push(char);
    }
    if columns > 0 {
        clipped.push('…');
    }
    clipped
}

/// The text if it has at most `bytes_max` bytes, else `start` bytes of its start and the rest of
/// its end, with `…` between them.
pub(crate) fn shorten(text: &str, bytes_max: usize, start: usize) -> Cow<'_, str> {
    const BETWEEN: &str = "…";
    if text.len() <= bytes_max {
        return Cow::Borrowed(text);
    }
    let is_boundary = |at: &usize| text.is_char_boundary(*at);
    let start = (0..=start).rev().find(is_boundary).unwrap_or(0);
    let end = text.len() - (bytes_max - start - BETWEEN.len());
    let end = (end..text.len()).find(is_boundary).unwrap_or(text.len());
    Cow::Owned(format!("{}{BETWEEN}{}", &text[..start], &text[end..]))
}

/// `1 task`, `2 tasks`: a number with its noun.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// The known word that is most likely meant; `None` if none is close.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let far = 1 + word.chars().count() / 4;
    let known = known.into_iter();
    let distances = known.map(|known| (strsim::damerau_levenshtein(known, word), known));
    let close = distances.filter(|(distance, _)| *distance <= far);
    close
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

fn push_safe(safe: &mut String, char: char) {
    match char {
        '\n' => safe.push_str("\\n"),
        '\r' => safe.push_str("\\r"),
        '\t' => safe.push_str("\\t"),
        char if is_obeyed(char) => {
            let number = u32::from(char);
            let written = match number {
                0..=0xff => write!(safe, "\\x{number:02x}"),
                _ => write!(safe, "\\u{{{number:x}}}"),
            };
            written.expect("a string takes all that is written");
        }
        char => safe.push(char),
    }
}

/// Whether a terminal, or a layout of text, would act on this character and not show it: controls,
/// marks of direction, and characters without width.
pub(crate) fn is_obeyed(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        assert_eq!(safe("a\x1b[31mred\x07"), "a\\x1b[31mred\\x07");
        assert_eq!(safe("\u{9b}2J"), "\\x9b2J");
        assert_eq!(safe("one\r\ntwo\tthree\0"), "one\\r\\ntwo\\tthree\\x00");
        assert_eq!(safe("invoice\u{202e}fdp.exe"), "invoice\\u{202e}fdp.exe");
        assert_eq!(safe("a\u{2066}b\u{200b}c"), "a\\u{2066}b\\u{200b}c");
    }

    #[test]
    fn plain_text_of_every_script_stays() {
        let text = "Grüße, 世界, שלום, emoji 🎭 ❤\u{fe0f}";
        assert_eq!(safe(text), text);
    }

    #[test]
    fn colours_of_ours_stay_and_nothing_else_that_a_terminal_obeys() {
        let ours = "\x1b[31mdead\x1b[39m  \x1b[1ma\tb\x1b[0m\nc";
        assert_eq!(coloured(ours), ours);
        assert_eq!(
            coloured(
                "\x1b[31mdead\x1b[39m \x1b]52;c;AAAA\x07\x1b[8m\x1b[31;5m\u{9b}1m\u{202e}\r\x1b"
            ),
            "\x1b[31mdead\x1b[39m \\x1b]52;c;AAAA\\x07\\x1b[8m\\x1b[31;5m\\x9b1m\\u{202e}\\r\\x1b"
        );
    }

    #[test]
    fn in_json_no_character_is_left_that_a_terminal_obeys_and_the_value_stays() {
        let value = serde_json::json!({
            "a": "\x1b[31m\x07 \u{9b}2J \x7f \u{202e} \u{e0041} \n Grüße 世界"
        });
        let text = json(&value);
        assert!(!text.contains(is_obeyed), "{text:?}");
        assert!(text.contains("Grüße 世界"));
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(safe_lines("a\tb\r\n\x1b[2Kc\n\nd"), "a\tb\n\\x1b[2Kc\n\nd");
    }

    #[test]
    fn a_clipped_text_takes_no_more_columns_than_it_may() {
        assert_eq!(clip("abcdef", 6), "abcdef");
        assert_eq!(clip("abcdefg", 6), "abcde…");
        assert_eq!(clip("世界世界", 5), "世界…");
        assert_eq!(clip("世界世界", 4), "世…");
        assert_eq!(clip("abc", 0), "");
        assert_eq!(clip("\x1b\x1b", 5), "\\x1b…");
    }
}
