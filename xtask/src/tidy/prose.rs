//! The words of comments and documents, paragraph by paragraph, and where sentences begin and end.

use super::source::Source;

/// A word, without the marks around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a str,
    pub(crate) line: usize,
    /// Whether the word is the first of a sentence, of a line of a list or of a cell of a table.
    pub(crate) begins: bool,
    pub(crate) mark: Mark,
}

/// What follows a word before the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    None,
    /// The next word belongs to another clause.
    Pause,
    /// The next word begins a sentence.
    End,
    Question,
}

/// The comments of a file; lines without a gap between them are one paragraph, and a comment behind
/// code stands for itself.
pub(crate) fn comments(source: &Source) -> Vec<Vec<Word<'_>>> {
    let lines = source.comments.lines().zip(source.code.lines());
    paragraphs((1..).zip(lines).flat_map(|(number, (comment, code))| {
        let comment = without_slashes(comment);
        let gap = (!code.trim().is_empty()).then_some((number, ""));
        gap.into_iter().chain([(number, comment)]).chain(gap)
    }))
}

/// The lines of a file with a part that is neither code nor comment, each by itself: messages.
pub(crate) fn messages(source: &Source) -> Vec<Vec<Word<'_>>> {
    let parts = source.code.lines().zip(source.comments.lines());
    let mut lines = Vec::new();
    for (number, (text, (code, comment))) in (1..).zip(source.text.lines().zip(parts)) {
        if comment.trim().is_empty() && code.trim() != text.trim() {
            let mut words = Vec::new();
            split(text, number, &mut words);
            lines.push(words);
        }
    }
    lines
}

/// A document in Markdown, without its blocks of code.
pub(crate) fn document(text: &str) -> Vec<Vec<Word<'_>>> {
    paragraphs((1..).zip(text.lines()))
}

/// The first sentence of `words`.
pub(crate) fn sentence<'w, 'a>(words: &'w [Word<'a>]) -> &'w [Word<'a>] {
    let end = words.iter().position(|word| word.mark >= Mark::End);
    &words[..end.map_or(words.len(), |end| end + 1)]
}

fn paragraphs<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> Vec<Vec<Word<'a>>> {
    let mut paragraphs = vec![Vec::new()];
    let mut in_code = false;
    for (number, line) in lines {
        let line = line.trim();
        let fence = line.starts_with("```");
        in_code ^= fence;
        if line.is_empty() || fence || in_code {
            paragraphs.push(Vec::new());
        } else if let Some(paragraph) = paragraphs.last_mut() {
            split(line, number, paragraph);
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

fn without_slashes(comment: &str) -> &str {
    comment.trim_start().trim_start_matches(['/', '!'])
}

/// Appends the words of a line to those of the lines before it.
fn split<'a>(line: &'a str, number: usize, words: &mut Vec<Word<'a>>) {
    let mut begins = words.last().is_none_or(|last| last.mark >= Mark::End);
    for part in line.split_whitespace() {
        let opened = part.trim_start_matches(is_mark);
        let text = opened.trim_end_matches(is_mark);
        if !text.contains(char::is_alphanumeric) {
            // A dash, or what opens a cell, a line of a list or a heading.
            let mark = if text == "–" {
                Mark::Pause
            } else {
                Mark::End
            };
            if let Some(last) = words.last_mut() {
                last.mark = last.mark.max(mark);
            }
            begins |= mark == Mark::End;
            continue;
        }
        let mark = mark_of(&opened[text.len()..]);
        words.push(Word {
            text,
            line: number,
            begins,
            mark,
        });
        begins = mark >= Mark::End;
    }
}

fn is_mark(char: char) -> bool {
    matches!(
        char,
        '*' | '_' | '"' | '\'' | '“' | '”' | '‘' | '’' | '«' | '»' | '(' | ')' | '[' | ']'
    ) || matches!(char, ',' | '.' | ';' | ':' | '!' | '?' | '…')
}

/// The mark that the characters behind a word are.
fn mark_of(behind: &str) -> Mark {
    if behind.contains('?') {
        Mark::Question
    } else if behind.contains(['.', '!', '…']) {
        Mark::End
    } else if behind.contains([',', ';', ':', ')', ']', '"']) {
        Mark::Pause
    } else {
        Mark::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(words: &[Word<'_>]) -> String {
        let word = |word: &Word<'_>| {
            let begins = if word.begins { "^" } else { "" };
            let pauses = if word.mark > Mark::None { "|" } else { "" };
            format!("{begins}{}{pauses}", word.text)
        };
        words.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn sentences_begin_after_others_in_lists_and_in_cells() {
        let paragraphs = document("A *b*, c. D\ne?\n\n- f – g\n| h | i |\n");
        let shown: Vec<_> = paragraphs.iter().map(|words| shown(words)).collect();
        assert_eq!(shown, ["^A b| c| ^D e|", "^f| g| ^h| ^i|"]);
        assert_eq!(sentence(&paragraphs[0]).len(), 3);
    }

    #[test]
    fn comments_are_paragraphs_of_their_own() {
        let text = "//! A\n//! b\n\n/// c\nfn d() {} // e\n/// ```\n/// f\n/// ```\n";
        let source = Source::new(std::path::Path::new("a.rs"), text.to_owned());
        let shown: Vec<_> = comments(&source).iter().map(|words| shown(words)).collect();
        assert_eq!(shown, ["^A b", "^c", "^e"]);
    }
}
