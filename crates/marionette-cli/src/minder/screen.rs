//! A screen as a terminal has it: takes characters and the sequences that move the cursor or erase.

use super::line::Line;

/// A sequence that is longer counts as none, and what follows is text.
const SEQUENCE_CHARS_MAX: usize = 64;
/// A title, or other text between its marks, that is longer counts as none, and what follows is
/// text.
const STRING_CHARS_MAX: usize = 4096;

/// The last line with a visible character, and the line of the cursor.
#[derive(Debug, Default)]
pub(super) struct Screen {
    last: Line,
    open: Line,
    state: EscapeState,
}

/// The place within an escape sequence.
#[derive(Debug, Default)]
enum EscapeState {
    #[default]
    Text,
    /// Behind the escape character.
    Escape,
    /// Within `ESC [ …`, with the parameters so far.
    Sequence(String),
    /// Within `ESC ] …` and the like, which end with a bell or `ESC \`, with the number of
    /// characters so far.
    Titles(usize),
}

impl Screen {
    pub(super) fn put(&mut self, char: char) {
        if matches!(char, '\n' | '\u{b}' | '\u{c}') {
            return self.end_line();
        }
        self.state = match std::mem::take(&mut self.state) {
            EscapeState::Text => self.text(char),
            EscapeState::Escape => escape(char),
            EscapeState::Sequence(parameters) => self.sequence(parameters, char),
            EscapeState::Titles(length) => match char {
                '\u{7}' | '\u{9c}' => EscapeState::Text,
                '\u{1b}' => EscapeState::Escape,
                _ if length >= STRING_CHARS_MAX => EscapeState::Text,
                _ => EscapeState::Titles(length + 1),
            },
        };
    }

    /// Moves the cursor to a new line.
    pub(super) fn end_line(&mut self) {
        self.state = EscapeState::Text;
        let ended = std::mem::take(&mut self.open);
        if !ended.is_blank() {
            self.last = ended;
        }
    }

    /// Goes on behind characters that were not looked at, with or without a return to the start.
    pub(super) fn leave_out(&mut self, has_returned: bool) {
        self.state = EscapeState::Text;
        if has_returned {
            self.open = Line::default();
        }
        self.open.leave_out();
    }

    /// The last line with a visible character.
    pub(super) fn last(&self) -> Option<&Line> {
        let mut lines = [&self.open, &self.last].into_iter();
        lines.find(|line| !line.is_blank())
    }

    /// Whether the cursor is still on that line, so that it may go on.
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_blank()
    }

    fn text(&mut self, char: char) -> EscapeState {
        match char {
            '\r' => self.open.go_to(0),
            '\u{8}' => self.open.step_back(),
            '\t' => self.open.put(' '),
            '\u{1b}' => return EscapeState::Escape,
            '\u{9b}' => return EscapeState::Sequence(String::new()),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => return EscapeState::Titles(0),
            char if char.is_control() => {}
            char => self.open.put(char),
        }
        EscapeState::Text
    }

    fn sequence(&mut self, mut parameters: String, char: char) -> EscapeState {
        match char {
            '\u{1b}' => EscapeState::Escape,
            '\u{40}'..='\u{7e}' => {
                self.obey(&parameters, char);
                EscapeState::Text
            }
            _ if parameters.len() >= SEQUENCE_CHARS_MAX => EscapeState::Text,
            char => {
                parameters.push(char);
                EscapeState::Sequence(parameters)
            }
        }
    }

    fn obey(&mut self, parameters: &str, what: char) {
        let number = parameters.parse::<usize>();
        let times = number.clone().unwrap_or(1).max(1);
        let column = self.open.column();
        match (what, number.unwrap_or(0)) {
            ('C', _) => self.open.go_to(column.saturating_add(times)),
            ('D', _) => self.open.go_to(column.saturating_sub(times)),
            ('G' | '`', _) => self.open.go_to(times - 1),
            ('A' | 'B' | 'E' | 'F' | 'H' | 'f' | 'd', _) => self.end_line(),
            ('K' | 'J', 0) => self.open.erase_behind(),
            ('K' | 'J', 1) => self.open.erase_before(),
            ('K' | 'J', _) => self.open.erase(),
            _ => {}
        }
    }
}

/// The state behind an escape character and this one.
fn escape(char: char) -> EscapeState {
    match char {
        '[' => EscapeState::Sequence(String::new()),
        ']' | 'P' | 'X' | '^' | '_' => EscapeState::Titles(0),
        // Intermediate characters come before the last one.
        '\u{20}'..='\u{2f}' | '\u{1b}' => EscapeState::Escape,
        _ => EscapeState::Text,
    }
}
