//! What a command writes, as a terminal takes it: characters, and what moves the cursor or erases.

use super::line::Line;

/// A longer escape sequence is none.
const SEQUENCE_CHARS_MAX: usize = 64;
/// A longer title, or whatever else is between its marks, is none.
const STRING_CHARS_MAX: usize = 4096;

/// The last line with something on it, and the one on which the cursor is.
#[derive(Debug, Default)]
pub(super) struct Screen {
    last: Line,
    open: Line,
    state: EscapeState,
}

/// Within what the next character stands.
#[derive(Debug, Default)]
enum EscapeState {
    #[default]
    Text,
    /// Behind an escape character.
    Escape,
    /// Within `ESC [ …`: its parameters.
    Sequence(String),
    /// Within `ESC ] …` and the like, which ends with a bell or `ESC \`, after so many characters.
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

    /// The cursor goes to another line.
    pub(super) fn end_line(&mut self) {
        self.state = EscapeState::Text;
        let ended = std::mem::take(&mut self.open);
        if !ended.is_blank() {
            self.last = ended;
        }
    }

    /// Goes on behind something that was not looked at, with or without a return to the start.
    pub(super) fn leave_out(&mut self, has_returned: bool) {
        self.state = EscapeState::Text;
        if has_returned {
            self.open = Line::default();
        }
        self.open.leave_out();
    }

    /// The last line with something to be seen on it.
    pub(super) fn last(&self) -> Option<&Line> {
        let mut lines = [&self.open, &self.last].into_iter();
        lines.find(|line| !line.is_blank())
    }

    /// Whether that line may go on: the cursor is still on it.
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

/// What follows behind an escape character and this one.
fn escape(char: char) -> EscapeState {
    match char {
        '[' => EscapeState::Sequence(String::new()),
        ']' | 'P' | 'X' | '^' | '_' => EscapeState::Titles(0),
        // Further ones come before the last.
        '\u{20}'..='\u{2f}' | '\u{1b}' => EscapeState::Escape,
        _ => EscapeState::Text,
    }
}
