//! The line of a terminal on which something is written: what is to be seen on it in the end.

/// How many characters are kept before something is left out.
const CELLS_MAX: usize = 4096;
/// How many of them stay at either end then.
const END_CELLS: usize = 1024;

/// A line, and where on it is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    cells: Vec<char>,
    column: usize,
    /// Whether the cursor came back to the start, and what is there has not been written over yet.
    is_old: bool,
    /// Where characters were left out.
    gap: Option<usize>,
}

impl Line {
    /// Writes a character over what is there.
    ///
    /// Behind the first one that can be seen, what was there before the cursor came back is gone: a
    /// terminal leaves the end of a longer text standing, but it means nothing any more.
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

    /// Moves the cursor back by one, as programs do to correct what they just wrote.
    pub(super) fn step_back(&mut self) {
        self.column = self.column.saturating_sub(1);
    }

    pub(super) fn column(&self) -> usize {
        self.column
    }

    /// Erases what is under the cursor and behind it.
    pub(super) fn erase_behind(&mut self) {
        self.cells.truncate(self.column);
        self.gap = self.gap.filter(|gap| *gap < self.column);
    }

    /// Erases what is before the cursor and under it.
    pub(super) fn erase_before(&mut self) {
        let end = self.cells.len().min(self.column + 1);
        self.cells[..end].fill(' ');
    }

    pub(super) fn erase(&mut self) {
        self.cells.clear();
        self.gap = None;
    }

    /// Goes on behind something that was not looked at.
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

    /// Whether there is nothing to be seen on it.
    pub(super) fn is_blank(&self) -> bool {
        self.cells.iter().all(|char| char.is_whitespace())
    }

    /// Its text: all of it, or what is before and what is behind the gap.
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
