//! Hides the secrets of a command in its output and in all that is said of it.
//!
//! A secret is looked for line by line, since programs print it so, and in the forms in which it
//! comes back: as it is, without the characters that a terminal obeys, with those written out, as
//! words that a shell separated anew, and as a terminal shows it. A line of fewer than
//! [`CHARS_MIN`] characters is not looked for: it would hide parts of texts that have nothing to do
//! with it. Other forms that the command makes of its secrets, like base64, are not known here.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::{Command, MASK, Secret, Text, What};
use crate::console::text::{is_obeyed, safe};

/// The shortest line of a secret that is looked for, in characters.
pub(super) const CHARS_MIN: usize = 4;

/// Hides the secrets of one command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Veil(Option<Arc<Hidden>>);

/// The secrets to hide.
struct Hidden {
    /// All forms of all secrets.
    forms: Vec<String>,
    /// Finds all forms in a text, even where they overlap.
    finder: AhoCorasick,
    /// The bytes of the longest form.
    longest: usize,
}

impl Veil {
    /// Hides the secrets that are stored with the command.
    pub(crate) fn stored(command: &Command) -> Self {
        Self::new(stored(command), |_| None)
    }

    /// Hides these secrets; `seen` returns what a terminal shows of a line.
    pub(crate) fn new<'a>(
        secrets: impl Iterator<Item = &'a Secret>,
        seen: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let mut forms = BTreeSet::new();
        for secret in secrets {
            for line in secret.reveal().split(ends_line) {
                forms.extend(forms_of(line));
                forms.extend(seen(line));
            }
        }
        let is_long = |form: &String| form.chars().count() >= CHARS_MIN && !form.trim().is_empty();
        let forms: Vec<_> = forms.into_iter().filter(is_long).collect();
        if forms.is_empty() {
            return Self(None);
        }
        let finder = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&forms)
            .expect("it takes 2 GiB of patterns, and no command has so many");
        Self(Some(Arc::new(Hidden {
            longest: forms.iter().map(String::len).max().unwrap_or(0),
            finder,
            forms,
        })))
    }

    /// The text without the secrets.
    pub(crate) fn over<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.0 {
            Some(hidden) => without(text, &hidden.find(text.as_bytes())),
            None => Cow::Borrowed(text),
        }
    }

    /// A text that was cut off at its end, without the secrets and without a possible piece of one
    /// at the cut.
    pub(crate) fn over_start<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let starts: Vec<_> = text.char_indices().map(|(at, _)| at).collect();
        let pieces: Vec<_> = starts.iter().rev().map(|at| &text[*at..]).collect();
        self.over_but(text, text.len() - self.longest_piece(&pieces)..text.len())
    }

    /// A text that was cut off at its start, without the secrets and without a possible piece of
    /// one at the cut.
    pub(crate) fn over_end<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let ends = text.char_indices().map(|(at, char)| at + char.len_utf8());
        let pieces: Vec<_> = ends.map(|end| &text[..end]).collect();
        self.over_but(text, 0..self.longest_piece(&pieces))
    }

    /// A text that may not be complete, without the secrets and without the start of one at its
    /// end, if that start is long enough to be a secret itself.
    pub(crate) fn over_unfinished<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(hidden) = &self.0 else {
            return Cow::Borrowed(text);
        };
        // Replacement characters stand for a character whose end did not come.
        let whole = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
        let starts = hidden.forms.iter().flat_map(|form| {
            let ends = form.char_indices().map(|(at, _)| at).skip(CHARS_MIN);
            ends.map(|end| &form[..end])
        });
        let lengths = starts.filter(|start| whole.ends_with(start)).map(str::len);
        let mut found = hidden.find(text.as_bytes());
        if let Some(length) = lengths.max() {
            add(&mut found, whole.len() - length..text.len());
        }
        without(text, &found)
    }

    /// The text without the secrets, and without a piece at one of its ends.
    fn over_but<'a>(&self, text: &'a str, piece: Range<usize>) -> Cow<'a, str> {
        let Some(hidden) = &self.0 else {
            return Cow::Borrowed(text);
        };
        let mut found = hidden.find(text.as_bytes());
        let overlaps = |one: &Range<usize>| one.start < piece.end && piece.start < one.end;
        if found.iter().any(overlaps) {
            // The secret and the piece are masked together.
            add(&mut found, piece);
            return without(text, &found);
        }
        // A piece of a few letters is most likely no piece of a secret.
        let rest = if piece.start == 0 {
            &text[piece.end..]
        } else {
            &text[..piece.start]
        };
        self.over(rest)
    }

    /// The length of the longest of these pieces that occurs in a secret. Each piece contains the
    /// one before it.
    fn longest_piece(&self, pieces: &[&str]) -> usize {
        let forms = self.0.iter().flat_map(|hidden| &hidden.forms);
        let longest = forms.map(|form| pieces.partition_point(|piece| form.contains(piece)));
        let longest = longest.max().and_then(|count| count.checked_sub(1));
        longest.map_or(0, |place| pieces[place].len())
    }

    /// Hides the secrets in a text that comes in pieces.
    pub(crate) fn stream(&self) -> Stream {
        Stream {
            veil: self.clone(),
            held: Vec::new(),
            covered: 0,
        }
    }
}

impl Hidden {
    /// The places of the secrets, in order; places that overlap are joined.
    fn find(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        // The finder returns them in the order of their ends.
        for one in self.finder.find_overlapping_iter(bytes) {
            add(&mut found, one.range());
        }
        found
    }
}

/// Adds a place, joined with those that it overlaps. It ends at or behind the end of the last one,
/// or starts at 0.
fn add(found: &mut Vec<Range<usize>>, mut one: Range<usize>) {
    if one.start == 0 {
        let inside = found.iter().take_while(|found| found.start < one.end);
        let (inside, end) = (inside.count(), found.iter().map(|found| found.end));
        let end = end.take(inside).fold(one.end, usize::max);
        found.splice(..inside, std::iter::once(0..end));
        return;
    }
    while let Some(last) = found.pop_if(|last| last.end > one.start) {
        one.start = one.start.min(last.start);
        one.end = one.end.max(last.end);
    }
    found.push(one);
}

/// The text with a mask in place of each of these ranges.
fn without<'a>(text: &'a str, places: &[Range<usize>]) -> Cow<'a, str> {
    if places.is_empty() {
        return Cow::Borrowed(text);
    }
    let (mut veiled, mut at) = (String::with_capacity(text.len()), 0);
    for Range { start, end } in places {
        veiled.push_str(&text[at..*start]);
        veiled.push_str(MASK);
        at = *end;
    }
    veiled.push_str(&text[at..]);
    Cow::Owned(veiled)
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Hides the secrets in a text that comes in pieces. It holds back no more than the end of a line
/// that may become a secret.
#[derive(Debug)]
pub(crate) struct Stream {
    veil: Veil,
    held: Vec<u8>,
    /// How much of the start of `held` belongs to a secret that was passed on as a mask.
    covered: usize,
}

impl Stream {
    /// Takes the next bytes, and passes on those that are known to be no secret.
    pub(crate) fn push(&mut self, bytes: &[u8], pass: impl FnMut(&[u8])) {
        let Some(hidden) = self.veil.0.clone() else {
            let mut pass = pass;
            return pass(bytes);
        };
        self.held.extend_from_slice(bytes);
        // No form contains a line end.
        let line = self.held.iter().rposition(|byte| b"\n\r".contains(byte));
        let line = line.map_or(0, |at| at + 1);
        // Not for each byte, since all held bytes are searched again.
        if line > 0 || self.held.len() > 2 * hidden.longest {
            let end = line.max(self.held.len().saturating_sub(hidden.longest - 1));
            self.pass_on(&hidden, end, pass);
        }
    }

    /// The text has ended: passes on the rest.
    pub(crate) fn end(&mut self, pass: impl FnMut(&[u8])) {
        if let Some(hidden) = self.veil.0.clone() {
            self.pass_on(&hidden, self.held.len(), pass);
        }
    }

    fn pass_on(&mut self, hidden: &Hidden, end: usize, mut pass: impl FnMut(&[u8])) {
        let mut at = self.covered;
        for found in hidden.find(&self.held) {
            if found.start >= end {
                break;
            }
            if found.start >= at {
                if found.start > at {
                    pass(&self.held[at..found.start]);
                }
                pass(MASK.as_bytes());
            }
            at = at.max(found.end);
        }
        if at < end {
            pass(&self.held[at..end]);
            at = end;
        }
        self.held.drain(..end);
        self.covered = at - end;
    }
}

/// The forms in which a program may print a line of a secret.
fn forms_of(line: &str) -> Vec<String> {
    let words: Vec<_> = line.split_whitespace().collect();
    let mut forms = vec![
        line.to_owned(),
        words.join(" "),
        line.chars().filter(|char| !is_obeyed(*char)).collect(),
        safe(line),
    ];
    forms.extend(line.split(is_obeyed).map(str::to_owned));
    forms
}

/// Whether a terminal moves to another line.
fn ends_line(char: char) -> bool {
    matches!(char, '\n' | '\r' | '\u{b}' | '\u{c}')
}

/// The secrets that are stored with a command.
pub(super) fn stored(command: &Command) -> impl Iterator<Item = &Secret> {
    let words = match &command.what {
        What::Command(words) => words.as_slice(),
        What::Run(_) => &[],
    };
    let texts = words.iter().chain(command.env.values());
    texts.filter_map(|text| match text {
        Text::Secret(secret) => Some(secret),
        Text::Plain(_) | Text::From(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use proptest::collection::vec;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn veil(secrets: &[&str]) -> Veil {
        let secrets: Vec<_> = secrets.iter().copied().map(Secret::new).collect();
        Veil::new(secrets.iter(), |_| None)
    }

    #[test]
    fn secrets_are_taken_out_the_longest_first_and_short_ones_stay() {
        let secret = |text: &str| Text::Secret(Secret::new(text));
        let words = [
            "hunter2",
            "hunter2 of the north",
            "abc",
            "-----\nbase64\nend",
        ]
        .map(secret);
        let mut command = Command::new(What::Command(words.to_vec()), PathBuf::from("/"));
        command.env.insert("TOKEN".to_owned(), secret("t0ken"));
        let veil = Veil::stored(&command);
        assert_eq!(
            veil.over("hunter2 of the north, hunter2, t0ken, abc, base64\nend"),
            "***, ***, ***, abc, ***\nend"
        );
        assert!(matches!(veil.over("nothing"), Cow::Borrowed("nothing")));
        assert!(!format!("{veil:?}").contains("hunter2"));
    }

    #[test]
    fn nothing_is_left_of_secrets_that_overlap() {
        let veil = veil(&["abcdef", "defghi", "fghijkl", "aaaa"]);
        assert_eq!(veil.over("<abcdefghijkl> <aaaaaaa>"), "<***> <***>");
    }

    #[test]
    fn a_secret_is_found_in_the_forms_in_which_it_comes_back() {
        let veil = veil(&["  two\twords \x1b[1mhere\u{202e}  "]);
        for text in [
            "two\twords \x1b[1mhere\u{202e}",
            "two words \x1b[1mhere\u{202e}",
            "twowords [1mhere",
            "two\\twords \\x1b[1mhere\\u{202e}",
        ] {
            let veiled = veil.over(text);
            assert!(
                !veiled.contains("words") && !veiled.contains("here"),
                "{veiled}"
            );
        }
        assert_eq!(veil.over("   \t  "), "   \t  ");
    }

    #[test]
    fn a_piece_of_a_secret_that_was_cut_is_no_more_shown() {
        let veil = veil(&["hunter2-of-the-north"]);
        assert_eq!(veil.over_start("a key: hunter2-of-"), "a key: ");
        assert_eq!(veil.over_start("a key: -of-the-"), "a key: ");
        assert_eq!(veil.over_end("-the-north: no key"), ": no key");
        assert_eq!(veil.over_end("r2-of-the: no key"), ": no key");
        assert_eq!(veil.over_unfinished("key hunter2-of-"), "key ***");
        assert_eq!(veil.over_unfinished("key hunter2\u{fffd}"), "key ***");
        assert_eq!(veil.over_unfinished("no such hun"), "no such hun");
        assert_eq!(veil.over_unfinished("hunter2-of-the-north: no"), "***: no");
    }

    #[test]
    fn a_piece_of_one_secret_hides_nothing_of_another_one_less() {
        let veil = veil(&["wxyz-abcd", "abcdefgh", "1bcdq2"]);
        assert_eq!(veil.over_unfinished("key wxyz-abcd"), "key ***");
        assert_eq!(veil.over_start("key wxyz-abcdq"), "key ***");
        assert_eq!(veil.over_end("dq wxyz-abcd"), " ***");
        assert_eq!(veil.over_end("fgh1bcdq2 key"), "*** key");
    }

    fn streamed(veil: &Veil, pieces: &[&[u8]]) -> Vec<u8> {
        let (mut stream, mut passed) = (veil.stream(), Vec::new());
        for piece in pieces {
            stream.push(piece, |bytes| passed.extend_from_slice(bytes));
        }
        stream.end(|bytes| passed.extend_from_slice(bytes));
        passed
    }

    #[test]
    fn lines_that_have_ended_are_not_held_back() {
        let (mut stream, mut passed) = (veil(&["hunter2"]).stream(), Vec::new());
        stream.push(b"one\n50%\rtwo h", |bytes| passed.extend_from_slice(bytes));
        assert_eq!(passed, b"one\n50%\r");
        stream.push(b"unter2\nthree", |bytes| passed.extend_from_slice(bytes));
        assert_eq!(passed, b"one\n50%\rtwo ***\n");
    }

    proptest! {
        #[test]
        fn what_comes_in_pieces_is_veiled_as_if_it_came_at_once(
            secrets in vec("[ab\n]{1,7}", 1..4),
            text in "[ab\r\n]{0,60}",
            sizes in vec(1_usize..9, 1..60),
        ) {
            let secrets: Vec<_> = secrets.iter().map(String::as_str).collect();
            let veil = veil(&secrets);
            let (mut rest, mut pieces) = (text.as_bytes(), Vec::new());
            for size in sizes.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, behind) = rest.split_at(rest.len().min(*size));
                pieces.push(piece);
                rest = behind;
            }
            let veiled = veil.over(&text).into_owned();
            let streamed = String::from_utf8(streamed(&veil, &pieces)).unwrap();
            prop_assert_eq!(&streamed, &veiled);
            for line in secrets.iter().flat_map(|secret| secret.lines()) {
                prop_assert!(line.len() < CHARS_MIN || !streamed.contains(line));
            }
        }
    }
}
