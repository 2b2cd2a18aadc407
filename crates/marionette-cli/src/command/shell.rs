//! Finds the ends of commands by the rules of the shell.
//!
//! A line goes on in the next one after a backslash that no other backslash and no single quote
//! takes, and within quotes or parentheses. A comment ends with its line. The rest of the language
//! is not understood here: a loop over several lines is several commands.

/// A command in a text, blank ones and comments included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    /// The line in which it begins, from 1.
    pub(crate) line: usize,
    /// Its text, without blanks around it.
    pub(crate) text: &'a str,
    /// Whether it has anything but blanks and comments.
    pub(crate) has_words: bool,
    /// The first `$1`, `$@` or the like in it; a line for the shell has no arguments.
    pub(crate) argument: Option<char>,
    /// Why it is not complete, if it is not.
    pub(crate) lacks: Option<Lack>,
}

/// Why a command is not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    /// It ends with a backslash, and nothing follows.
    Line,
    /// This was opened and is not closed.
    Close(char),
    /// A here-document is in the next lines.
    Document,
}

/// Whether a shell would do nothing for this text.
pub(crate) fn is_blank(text: &str) -> bool {
    text.trim().is_empty() || pieces(text).all(|piece| !piece.has_words)
}

/// The commands of a text, blank ones and comments included.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let (mut rest, mut line) = (text, 1);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut scan = Scan::new(rest);
        scan.run();
        let whole = &rest[..scan.end];
        let piece = Piece {
            line,
            text: trimmed(whole),
            has_words: scan.has_words,
            argument: scan.argument,
            lacks: scan.lacks,
        };
        line += whole.matches('\n').count() + 1;
        rest = rest[scan.end..].strip_prefix('\n').unwrap_or_default();
        Some(piece)
    })
}

/// One of several commands in a line, like `cd a` in `cd a || exit 1`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Simple<'a> {
    /// The separator before it: `;`, `&`, `|`, `&&`, `||`, or nothing.
    pub(crate) joint: &'a str,
    /// Its words as they are written, with their quotes.
    pub(crate) words: Vec<&'a str>,
}

/// The commands of a line that `pieces` found. A part in parentheses belongs to a word.
pub(crate) fn simple_commands(text: &str) -> Vec<Simple<'_>> {
    let mut scan = Scan::new(text);
    scan.run();
    let (mut commands, mut begin) = (vec![Simple::default()], 0);
    let mut joint_begin = 0;
    for (at, char) in scan.marks.into_iter().chain([(scan.end, ' ')]) {
        // `2>&1` and `&>log` are redirections.
        let is_redirection =
            char == '&' && (text[..at].ends_with(['>', '<']) || text[at + 1..].starts_with('>'));
        if at < begin || is_redirection {
            continue;
        }
        let Some(last) = commands.last_mut() else {
            continue;
        };
        if at > begin {
            last.words.push(&text[begin..at]);
        }
        begin = at + 1;
        match char {
            '#' => break,
            ';' | '&' | '|' if at > 0 && last.words.is_empty() && joint_begin + 1 == at => {
                last.joint = &text[joint_begin..=at];
            }
            ';' | '&' | '|' => {
                joint_begin = at;
                let (joint, words) = (&text[at..=at], Vec::new());
                commands.push(Simple { joint, words });
            }
            _ => {}
        }
    }
    commands.retain(|command| !command.words.is_empty());
    commands
}

/// The length beyond which the words of a command are not looked at; such a command is refused.
const MARKED_BYTES_MAX: usize = 1024 * 1024;

/// The separators of words within a line.
const BLANKS: [char; 2] = [' ', '\t'];

/// The text without the blanks around it, unless a backslash makes the last one part of a word.
fn trimmed(text: &str) -> &str {
    let text = text.trim_start_matches(BLANKS);
    let end = text.trim_end_matches(BLANKS);
    if end.ends_with('\\') { text } else { end }
}

/// The context of the next character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Single,
    Double,
    Backticks,
    /// `$(…)` or `(…)`.
    Parentheses,
    /// `$((…))`: no comment and no here-document begins there.
    Arithmetic,
    /// `${…}`; within double quotes, single ones are ordinary characters there.
    Braces {
        is_quoted: bool,
    },
}

/// Looks for the end of the first command of a text.
struct Scan<'a> {
    chars: std::iter::Peekable<std::str::CharIndices<'a>>,
    within: Vec<Within>,
    /// Whether a word would begin with the next character.
    is_between: bool,
    has_words: bool,
    /// The blanks, separators of commands and comments outside of quotes and parentheses.
    marks: Vec<(usize, char)>,
    argument: Option<char>,
    lacks: Option<Lack>,
    end: usize,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            chars: text.char_indices().peekable(),
            within: Vec::new(),
            is_between: true,
            has_words: false,
            marks: Vec::new(),
            argument: None,
            lacks: None,
            end: text.len(),
        }
    }

    fn run(&mut self) {
        while let Some((at, char)) = self.chars.next() {
            match (self.within.last().copied(), char) {
                (None, '\n') => {
                    self.end = at;
                    return;
                }
                (Some(Within::Single), '\'')
                | (Some(Within::Double), '"')
                | (Some(Within::Backticks), '`') => self.close(),
                (Some(Within::Single), _) => {}
                (_, '\\') => self.backslash(),
                (Some(Within::Backticks), _) => {}
                (_, '`') => self.open(Within::Backticks),
                (_, '"') => self.open(Within::Double),
                (within, '$') => self.dollar(within),
                (Some(Within::Double), _) => {}
                (within, char) => self.plain(within, at, char),
            }
        }
        if self.lacks != Some(Lack::Document)
            && let Some(within) = self.within.first()
        {
            self.lacks = Some(Lack::Close(within.opener()));
        }
    }

    /// Takes a character outside of all quotes.
    fn plain(&mut self, within: Option<Within>, at: usize, char: char) {
        let is_comment = char == '#' && self.is_between;
        let is_marked = within.is_none() && at < MARKED_BYTES_MAX;
        if is_marked && (is_comment || " \t;&|".contains(char)) {
            self.marks.push((at, char));
        }
        let is_arithmetic = within == Some(Within::Arithmetic);
        match (within, char) {
            (Some(Within::Braces { .. }), '}')
            | (Some(Within::Parentheses | Within::Arithmetic), ')') => self.close(),
            (Some(Within::Braces { is_quoted: false }), '\'') => self.open(Within::Single),
            (Some(Within::Braces { .. }), _) => self.word(),
            (_, '\'') => self.open(Within::Single),
            (Some(Within::Arithmetic), '(') => self.open(Within::Arithmetic),
            (_, '(') => {
                self.open(Within::Parentheses);
                self.is_between = true;
            }
            (_, '#') if self.is_between && !is_arithmetic => self.comment(),
            (_, '<') if !is_arithmetic && self.is_document() => self.lacks = Some(Lack::Document),
            (_, ' ' | '\t' | '\n') => self.is_between = true,
            (_, ';' | '&' | '|' | '<' | '>' | ')') => {
                self.has_words = true;
                self.is_between = true;
            }
            _ => self.word(),
        }
    }

    fn word(&mut self) {
        self.has_words = true;
        self.is_between = false;
    }

    fn open(&mut self, within: Within) {
        self.word();
        self.within.push(within);
    }

    fn close(&mut self) {
        self.within.pop();
        self.is_between = false;
    }

    /// Takes a backslash: the next character is part of a word, and a line end is nothing at all.
    fn backslash(&mut self) {
        match self.chars.next() {
            Some((_, '\n')) if self.chars.peek().is_some() => {}
            None | Some((_, '\n')) => self.lacks = Some(Lack::Line),
            Some(_) => self.word(),
        }
    }

    fn dollar(&mut self, within: Option<Within>) {
        self.word();
        let is_quoted = matches!(
            within,
            Some(Within::Double | Within::Braces { is_quoted: true })
        );
        let is_argument = |char: char| char.is_ascii_digit() || "@*".contains(char);
        if self.chars.next_if(|(_, char)| *char == '{').is_some() {
            self.open(Within::Braces { is_quoted });
            self.argument(is_argument);
        } else if self.chars.next_if(|(_, char)| *char == '(').is_some() {
            if self.chars.next_if(|(_, char)| *char == '(').is_some() {
                self.open(Within::Arithmetic);
                self.open(Within::Arithmetic);
            } else {
                self.open(Within::Parentheses);
            }
            self.is_between = true;
        } else {
            self.argument(|char| is_argument(char) || char == '#');
        }
    }

    /// Notes the name of an argument of a script, if one comes next.
    fn argument(&mut self, is_argument: impl Fn(char) -> bool) {
        let next = self.chars.peek().map(|(_, char)| *char);
        self.argument = self.argument.or(next.filter(|char| is_argument(*char)));
    }

    fn comment(&mut self) {
        while self.chars.next_if(|(_, char)| *char != '\n').is_some() {}
    }

    /// Whether this `<` begins a here-document. `<<<` does not.
    fn is_document(&mut self) -> bool {
        if self.chars.next_if(|(_, char)| *char == '<').is_none() {
            return false;
        }
        self.has_words = true;
        self.is_between = true;
        self.chars.next_if(|(_, char)| *char == '<').is_none()
    }
}

impl Within {
    fn opener(self) -> char {
        match self {
            Self::Single => '\'',
            Self::Double => '"',
            Self::Backticks => '`',
            Self::Parentheses | Self::Arithmetic => '(',
            Self::Braces { .. } => '{',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        let pieces = pieces(text).filter(|piece| piece.has_words);
        pieces.map(|piece| piece.text).collect()
    }

    #[test]
    fn backslashes_join_lines_as_in_a_shell() {
        assert_eq!(texts("a \\\n b\nc"), ["a \\\n b", "c"]);
        assert_eq!(texts("a \\\\\nb"), ["a \\\\", "b"]);
        assert_eq!(texts("a \\\\\\\nb"), ["a \\\\\\\nb"]);
        assert_eq!(texts("a\\ \nb"), ["a\\ ", "b"]);
        assert_eq!(texts("a # c \\\nb"), ["a # c \\", "b"]);
        assert_eq!(texts("# c \\\nb"), ["b"]);
        assert_eq!(texts("\\\n# c\nb"), ["b"]);
        assert_eq!(texts("a\\\n#b\nc"), ["a\\\n#b", "c"]);
    }

    #[test]
    fn quotes_join_lines_as_in_a_shell() {
        assert_eq!(texts("echo 'a\\\nb'\nc"), ["echo 'a\\\nb'", "c"]);
        assert_eq!(texts("echo \"$(echo \"it's\")\"\nc").len(), 2);
        assert_eq!(texts("echo it\\'s\nc").len(), 2);
        assert_eq!(texts("echo # it's\nc").len(), 2);
        assert_eq!(texts("echo ${x#'}\n'}\nc").len(), 2);
        assert_eq!(texts("(cd a\nmake)\nc").len(), 2);
        assert_eq!(texts("echo $((1 << 2)) $(( 2#1 ))\nc").len(), 2);
    }

    #[test]
    fn what_is_not_whole_says_what_it_lacks() {
        let lacks = |text| pieces(text).next().and_then(|piece| piece.lacks);
        assert_eq!(lacks("a \\"), Some(Lack::Line));
        assert_eq!(lacks("a \\\n"), Some(Lack::Line));
        assert_eq!(lacks("echo don't"), Some(Lack::Close('\'')));
        assert_eq!(lacks("echo \"a\nb"), Some(Lack::Close('"')));
        assert_eq!(lacks("cat <<EOF"), Some(Lack::Document));
        assert_eq!(lacks("cat <<<x; echo $((1<<2))"), None);
    }

    #[test]
    fn commands_of_a_line_are_told_apart() {
        let shown = |text| {
            let commands = simple_commands(text).into_iter();
            let commands =
                commands.map(|Simple { joint, words }| format!("{joint}[{}]", words.join("|")));
            commands.collect::<String>()
        };
        assert_eq!(shown("a 'b c' \"d;e\" "), "[a|'b c'|\"d;e\"]");
        assert_eq!(shown("a&&b||c;d|e &"), "[a]&&[b]||[c];[d]|[e]");
        assert_eq!(shown("a >x 2>&1 &>y # ; b"), "[a|>x|2>&1|&>y]");
        assert_eq!(shown("A=$(b; c) (d && e)"), "[A=$(b; c)|(d && e)]");
        assert_eq!(shown("&& a"), "&&[a]");
        assert_eq!(shown(""), "");
    }

    #[test]
    fn arguments_of_a_script_are_found() {
        let argument = |text| pieces(text).next().and_then(|piece| piece.argument);
        assert_eq!(argument("rm \"$1\"/x"), Some('1'));
        assert_eq!(argument("rm ${1:-a}"), Some('1'));
        assert_eq!(argument("x $(y \"$@\")"), Some('@'));
        assert_eq!(argument("[ $# = 1 ]"), Some('#'));
        assert_eq!(
            argument("awk '{print $1}' \\$1 $HOME ${x#1} $$ $? ${#x}"),
            None
        );
    }

    #[test]
    fn lines_are_counted() {
        let lines: Vec<_> = pieces("a\n\nb \\\n c\nd\n")
            .map(|piece| piece.line)
            .collect();
        assert_eq!(lines, [1, 2, 3, 5]);
    }
}
