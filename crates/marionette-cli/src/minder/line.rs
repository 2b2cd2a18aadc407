//! A line of a terminal that is written on: the characters that are visible on it in the end.

/// The number of characters above which the middle is left out.
const CELLS_MAX: usize = 4096;
/// How many characters stay at either end when the middle is left out.
const END_CELLS: usize = 1024;

/// A line and its cursor.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    cells: Vec<char>,
    column: usize,
    /// Whether the cursor came back to the start and no visible character was written since.
    is_old: bool,
    /// The place where characters were left out.
    gap: Option<usize>,
}

impl Line {
    /// Writes a character over the one under the cursor.
    ///
    /// The first visible character after a return to the start erases the rest of the line: a
    /// terminal would leave the end of a longer text standing, but it means nothing any more.
    pub(super) fn put(&mut self, char: char) {
        if self.is_old && !char.is_whitespace() {
            self.erase_behind();
            self.is_old = false;
        }
        while self.cells.len() < self.column {
            self.cells.push(' ');
        }
        match self.cells.get_mut(self.column) {
            Some(cell) => *cell = char,
            None => self.cells.push(char),
        }
        self.column += 1;
        if self.cells.len() > CELLS_MAX {
            self.leave_out_middle();
        }
    }

    /// Moves the cursor to this column, from 0.
    pub(super) fn go_to(&mut self, column: usize) {
        self.column = column.min(CELLS_MAX - 1);
        self.is_old |= column == 0;
    }

    /// Moves the cursor back by one, as programs do to correct a character.
    pub(super) fn step_back(&mut self) {
        self.column = self.column.saturating_sub(1);
    }

    pub(super) fn column(&self) -> usize {
        self.column
    }

    /// Erases the character under the cursor and all behind it.
    pub(super) fn erase_behind(&mut self) {
        self.cells.truncate(self.column);
        self.gap = self.gap.filter(|gap| *gap < self.column);
    }

    /// Erases the characters before the cursor and the one under it.
    pub(super) fn erase_before(&mut self) {
        let end = self.cells.len().min(self.column + 1);
        self.cells[..end].fill(' ');
    }

    pub(super) fn erase(&mut self) {
        self.cells.clear();
        self.gap = None;
    }

    /// Goes on behind characters that were not looked at.
    pub(super) fn leave_out(&mut self) {
        let gap = *self.gap.get_or_insert(self.cells.len());
        self.cells.truncate(gap);
        self.column = gap;
        self.is_old = false;
    }

    fn leave_out_middle(&mut self) {
        let gap = *self.gap.get_or_insert(END_CELLS);
        let end = self.cells.len() - END_CELLS;
        let left_out = end.saturating_sub(gap);
        self.cells.drain(gap..gap + left_out);
        self.column = self.column.saturating_sub(left_out);
    }

    /// Whether the line has no visible character.
    pub(super) fn is_blank(&self) -> bool {
        self.cells.iter().all(|char| char.is_whitespace())
    }

    /// The text of the line: all of it, or the parts before and behind the gap.
    pub(super) fn text(&self) -> (String, Option<String>) {
        match self.gap.filter(|gap| *gap <= self.cells.len()) {
            Some(gap) => {
                let (before, behind) = self.cells.split_at(gap);
                (before.iter().collect(), Some(behind.iter().collect()))
            }
            None => (self.cells.iter().collect(), None),
        }
    }
}
