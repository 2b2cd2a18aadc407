//! The last line that a command wrote: most often the reason why it failed.

use crate::text;

/// How much of a line is kept.
const BYTES_MAX: usize = 512;

/// Remembers the last line that is not blank.
#[derive(Debug, Default)]
pub(crate) struct LastLine {
    /// The line that is being written.
    open: Vec<u8>,
    /// The last one that ended and was not blank.
    complete: Vec<u8>,
}

impl LastLine {
    /// Takes what came next. Of a long piece, little more than its end is looked at.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let is_end = |byte: &u8| *byte == b'\n';
        let Some(end) = bytes.iter().rposition(is_end) else {
            return self.extend(bytes);
        };
        let (lines, rest) = (&bytes[..end], &bytes[end + 1..]);
        let first = lines.iter().position(is_end).unwrap_or(end);
        let later = lines.get(first + 1..).unwrap_or_default();
        if let Some(line) = later.rsplit(is_end).find(|line| !is_blank(line)) {
            self.complete = line[..line.len().min(BYTES_MAX)].to_vec();
        } else {
            self.extend(&lines[..first]);
            if !is_blank(&self.open) {
                std::mem::swap(&mut self.open, &mut self.complete);
            }
        }
        self.open.clear();
        self.extend(rest);
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = BYTES_MAX - self.open.len();
        self.open.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// The last line, safe to print and without these secrets; `None` if all were blank.
    pub(crate) fn get(&self, secrets: &[String]) -> Option<String> {
        let open = self.open.trim_ascii();
        let line = if open.is_empty() {
            self.complete.trim_ascii()
        } else {
            open
        };
        if line.is_empty() {
            return None;
        }
        let mut line = String::from_utf8_lossy(line).into_owned();
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            line = line.replace(secret.as_str(), "***");
        }
        Some(text::safe(&line))
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.trim_ascii().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(pieces: &[&str]) -> Option<String> {
        let mut line = LastLine::default();
        for piece in pieces {
            line.push(piece.as_bytes());
        }
        line.get(&["hunter2".to_owned()])
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
    fn it_is_bounded_safe_and_without_secrets() {
        let long = last(&[&"x".repeat(10_000)]).unwrap();
        assert_eq!(long.len(), BYTES_MAX);
        assert_eq!(
            last(&["\x1b[31mno: hunter2\n"]).as_deref(),
            Some("\\x1b[31mno: ***")
        );
    }
}
