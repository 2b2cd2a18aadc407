//! The last line of a command's output, as a terminal would show it: most often the reason why the
//! command failed.

use std::borrow::Cow;

use super::screen::Screen;
use crate::command::Veil;
use crate::console::text;

/// A longer line is shortened in its middle.
const BYTES_MAX: usize = 512;
/// The length of the start that a shortened line keeps.
const START_BYTES: usize = 160;
/// How much of the start of a longer piece without a line end is looked at.
const PIECE_START: usize = 1024;
/// How much of the end of such a piece is looked at.
const PIECE_END: usize = 4096;

/// Remembers the last line with a visible character.
#[derive(Debug, Default)]
pub(crate) struct LastLine {
    screen: Screen,
    /// The start of a character whose end has not come yet.
    cut: Vec<u8>,
}

impl LastLine {
    /// Takes the next bytes. Of a long piece, little more than the end is looked at.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let is_end = |byte: &u8| *byte == b'\n';
        let joined;
        let bytes = if self.cut.is_empty() {
            bytes
        } else {
            joined = [std::mem::take(&mut self.cut).as_slice(), bytes].concat();
            &joined
        };
        let Some(end) = bytes
            .contains(&b'\n')
            .then(|| bytes.iter().rposition(is_end))
            .flatten()
        else {
            return self.piece(bytes);
        };
        let (lines, rest) = (&bytes[..end], &bytes[end + 1..]);
        let first = lines.iter().position(is_end).unwrap_or(end);
        let later = lines.get(first + 1..).unwrap_or_default();
        let shown = later.rsplit(is_end).find_map(shown);
        if let Some(shown) = shown {
            self.screen = shown;
        } else {
            self.piece(&lines[..first]);
            self.screen.end_line();
        }
        self.cut.clear();
        self.piece(rest);
    }

    /// A piece without a line end.
    fn piece(&mut self, bytes: &[u8]) {
        if bytes.len() <= PIECE_START + PIECE_END {
            return self.characters(bytes);
        }
        let (start, rest) = bytes.split_at(PIECE_START);
        let (left_out, end) = rest.split_at(rest.len() - PIECE_END);
        self.characters(start);
        self.cut.clear();
        self.screen.leave_out(left_out.contains(&b'\r'));
        let is_inside = |byte: &u8| *byte & 0xc0 == 0x80;
        let inside = end
            .iter()
            .take(3)
            .take_while(|byte| is_inside(byte))
            .count();
        self.characters(&end[inside..]);
    }

    fn characters(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            for char in chunk.valid().chars() {
                self.screen.put(char);
            }
            let invalid = chunk.invalid();
            if invalid.is_empty() {
                continue;
            }
            let is_cut =
                std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if is_cut && chunks.peek().is_none() {
                self.cut = invalid.to_vec();
            } else {
                self.screen.put(char::REPLACEMENT_CHARACTER);
            }
        }
    }

    /// The last line, safe to print and without the secrets; `None` if no line has anything
    /// visible.
    pub(crate) fn get(mut self, veil: &Veil) -> Option<String> {
        if !self.cut.is_empty() {
            self.screen.put(char::REPLACEMENT_CHARACTER);
        }
        let (before, behind) = self.screen.last()?.text();
        // Before the line is shortened: half a secret would not be found.
        let line = match (&behind, self.screen.is_open()) {
            (None, false) => veil.over(&before),
            (None, true) => veil.over_unfinished(&before),
            (Some(behind), _) => {
                let (before, behind) = (veil.over_start(&before), veil.over_end(behind));
                Cow::Owned(format!("{before}…{behind}"))
            }
        };
        let line = text::shorten(line.trim(), BYTES_MAX, START_BYTES);
        Some(text::safe(&line))
    }
}

/// The text that a terminal would show for this line, if it shows any.
pub(super) fn seen(line: &str) -> Option<String> {
    let (text, _) = shown(line.as_bytes())?.last()?.text();
    Some(text)
}

/// A screen with only this line, if the line shows anything.
fn shown(line: &[u8]) -> Option<Screen> {
    if line.trim_ascii().is_empty() {
        return None;
    }
    let mut alone = LastLine::default();
    alone.piece(line);
    if !alone.cut.is_empty() {
        alone.screen.put(char::REPLACEMENT_CHARACTER);
    }
    alone.screen.end_line();
    alone.screen.last()?;
    Some(alone.screen)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{
        Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
    };

    use super::*;
    use crate::command::Secret;

    fn last_of(pieces: &[&[u8]]) -> Option<String> {
        let mut line = LastLine::default();
        for piece in pieces {
            line.push(piece);
        }
        line.get(&veil(&["hunter2", "pass\nphrase"]))
    }

    fn veil(secrets: &[&str]) -> Veil {
        let secrets: Vec<_> = secrets.iter().copied().map(Secret::new).collect();
        Veil::new(secrets.iter(), seen)
    }

    fn last(pieces: &[&str]) -> Option<String> {
        let pieces: Vec<_> = pieces.iter().map(|piece| piece.as_bytes()).collect();
        last_of(&pieces)
    }

    #[test]
    fn it_is_the_last_that_is_not_blank_however_it_came() {
        assert_eq!(last(&[]), None);
        assert_eq!(last(&["\n \n"]), None);
        assert_eq!(last(&["one\ntwo\n\n \n"]).as_deref(), Some("two"));
        assert_eq!(last(&["one\nt", "w", "o"]).as_deref(), Some("two"));
        assert_eq!(
            last(&["one\n", "two", "\nthree\n", "\n"]).as_deref(),
            Some("three")
        );
        assert_eq!(last(&["one\ntw", "o\n\n\n"]).as_deref(), Some("two"));
        assert_eq!(last(&["a", "\nb\nc\n \n"]).as_deref(), Some("c"));
    }

    #[test]
    fn progress_is_overwritten_as_on_a_terminal() {
        for (written, shown) in [
            ("1%\r50%\rerror: disk full\n", "error: disk full"),
            ("copied 2999 of 3000 files\rerror: full", "error: full"),
            ("error: full\r\n", "error: full"),
            ("error: full\n50%\r\x1b[K", "error: full"),
            ("error: full\n50%\r   \r", "error: full"),
            ("error: full\n50%\x1b[2K\x1b[1G", "error: full"),
            ("50%\r", "50%"),
            ("50%\r\r\n", "50%"),
            ("work |\x08/\x08-\x08done", "work done"),
            ("50%\x08\x08\x08100%", "100%"),
            ("\x1b[1A\x1b[2K\rstep 2: \x1b[31mno\x1b[0m\n", "step 2: no"),
            (
                "\x1b]0;title\x07error\x1b]8;;http://a\x1b\\ link\x1b]8;;\x1b\\",
                "error link",
            ),
            ("\x1b[?25l\x1b[38;5;1mred\x1b[m\x1b[?25h\n\x1b[0m\n", "red"),
            ("a\tb\0\x07c", "a bc"),
        ] {
            assert_eq!(last(&[written]).as_deref(), Some(shown), "{written:?}");
            let bytes: Vec<_> = written.as_bytes().chunks(1).collect();
            assert_eq!(
                last_of(&bytes).as_deref(),
                Some(shown),
                "{written:?} byte by byte"
            );
        }
        let bars: Vec<_> = (0..3000).map(|n| format!("copied {n} of 3000\r")).collect();
        let bars = bars.concat();
        let written = format!("{bars}error: no space left\n");
        assert_eq!(last(&[&written]).as_deref(), Some("error: no space left"));
        assert_eq!(last(&[&bars]).as_deref(), Some("copied 2999 of 3000"));
    }

    #[test]
    fn what_is_too_long_is_shortened_in_its_middle() {
        for length in [600, 5_000, 100_000] {
            let long = last(&[&format!("start {} end", "x".repeat(length))]).unwrap();
            assert!(long.len() <= BYTES_MAX, "{} bytes", long.len());
            assert!(
                long.starts_with("start x") && long.ends_with("x end"),
                "{long}"
            );
            assert_eq!(long.matches('…').count(), 1);
        }
        let json = "é".repeat(100_000);
        let pieces: Vec<_> = json.as_bytes().chunks(4095).collect();
        let long = last_of(&pieces).unwrap();
        assert!(!long.contains('\u{fffd}'), "no character is cut: {long}");
    }

    #[test]
    fn bytes_that_are_no_text_are_told_as_such() {
        assert_eq!(
            last_of(&[b"caf\xe9: no\n"]).as_deref(),
            Some("caf\u{fffd}: no")
        );
        assert_eq!(last_of(&[b"caf\xc3"]).as_deref(), Some("caf\u{fffd}"));
        assert_eq!(last_of(&[b"caf\xc3", b"\xa9"]).as_deref(), Some("café"));
    }

    #[test]
    fn no_secret_is_told_not_even_a_piece_of_one() {
        assert_eq!(
            last(&["\x1b[31mno: hunt\x1b[0mer2\n"]).as_deref(),
            Some("no: ***")
        );
        assert_eq!(last(&["pass\nphrase\n"]).as_deref(), Some("***"));
        // Wherever the part that is left out begins and ends.
        for before in 1015..1030 {
            for filling in [4_000, 100_000] {
                let filling = "y".repeat(filling);
                let text = format!(
                    "{}hunter2{filling}hunter2{}",
                    "x".repeat(before),
                    "z".repeat(before)
                );
                let told = last(&[&text]).unwrap();
                assert!(!told.contains('h') && !told.contains('2'), "{told}");
            }
        }
        let mut line = LastLine::default();
        line.screen.put('h');
        line.screen.put('u');
        line.screen.leave_out(false);
        line.screen.put('2');
        line.screen.put('!');
        assert_eq!(line.get(&veil(&["hunter2"])).as_deref(), Some("…!"));
    }

    /// Pieces of the output of programs. The text behind a return or a step back is at least as
    /// long as the text that it overwrites, or erases it: else a terminal would show a mixture.
    fn written() -> impl Strategy<Value = String> {
        let text = "[a-z%é]{1,12}";
        let piece = prop_oneof![
            text.prop_map(String::from),
            text.prop_map(|text| format!("\r\x1b[K{text}")),
            text.prop_map(|text| format!("\x1b[2K\r{text}")),
            text.prop_map(|text| format!("\x1b[1;31m{text}\x1b[0m")),
            (text, "[a-z]{1,5}").prop_map(|(text, over)| {
                let back = "\x08".repeat(over.len().min(text.chars().count()));
                format!("{text}{back}{over}")
            }),
            Just("\r\x1b[K".to_owned()),
            Just(" ".to_owned()),
            Just("\n".to_owned()),
            Just("\r\n".to_owned()),
            Just("\x1b]0;title\x07".to_owned()),
            Just("\x07".to_owned()),
        ];
        vec(piece, 0..30).prop_map(|pieces| pieces.concat())
    }

    fn cells(cells: u16) -> std::num::NonZeroU16 {
        cells.try_into().expect("it is not zero")
    }

    /// Random bytes, among them many that control a terminal.
    fn noise() -> impl Strategy<Value = Vec<u8>> {
        let obeyed = prop::sample::select(b"\r\n\x1b[];m0K".to_vec());
        vec(prop_oneof![any::<u8>(), obeyed], 0..300)
    }

    proptest! {
        #[test]
        fn it_is_what_a_terminal_shows_last(written in written(), size in 1_usize..9) {
            let mut terminal = vt100::Parser::new(cells(40), cells(400), 0);
            terminal.process(written.replace("\r\n", "\n").replace('\n', "\r\n").as_bytes());
            let screen = terminal.screen().contents();
            let shown = screen.lines().rev().map(str::trim).find(|line| !line.is_empty());
            let whole = last(&[&written]);
            prop_assert_eq!(whole.as_deref(), shown, "{:?}", written);
            let pieces: Vec<_> = written.as_bytes().chunks(size).collect();
            let in_pieces = last_of(&pieces);
            prop_assert_eq!(in_pieces.as_deref(), shown, "{:?} in pieces", written);
        }

        #[test]
        fn any_bytes_are_told_in_one_short_safe_line(
            bytes in noise(),
            end in "[a-z]{1,20}",
        ) {
            let told = last_of(&[&bytes]).unwrap_or_default();
            prop_assert!(!told.contains(char::is_control));
            prop_assert!(told.len() <= 4 * BYTES_MAX);
            // Whatever came before, text in a line of its own is the last line.
            let told = last_of(&[&bytes, b"\n", end.as_bytes()]);
            prop_assert_eq!(told, Some(end));
        }
    }
}
