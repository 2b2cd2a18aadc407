//! Texts that come from tasks, made safe to print: nothing in them can move the cursor, change a
//! colour, or turn the direction of what follows.

use std::borrow::Cow;
use std::fmt::Write;

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
#[allow(dead_code)] // For the operator's commands, which are not here yet.
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

/// A safe text, cut so that it takes at most so many columns; `…` says that it was cut.
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

/// The text if it has so many bytes at most, else this much of its start and the rest of its end,
/// with `…` between them.
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

/// The word of these that is most likely meant; `None` if none is close.
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

/// Whether a terminal, or who lays out text, would act on this character and not show it.
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
        let text = "Grüße, 世界, שלום, emoji 🎭";
        assert_eq!(safe(text), text);
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
