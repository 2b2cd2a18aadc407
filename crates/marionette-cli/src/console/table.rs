//! Tables that fit the terminal, however long the texts in them are.

use comfy_table::{ContentArrangement, Table};
use unicode_width::UnicodeWidthStr;

use crate::console::text;

/// The width of a table that is no terminal's: long texts stay whole.
const PIPE_COLUMNS: usize = 100_000;

/// The columns of standard output; `None` if it is no terminal.
pub(crate) fn columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then(|| size.ws_col.into())
}

/// A table with these heads. The column `flexible` gives way if there is no room.
pub(crate) fn show(heads: &[&str], rows: &[Vec<String>], flexible: usize) -> String {
    fit(heads, rows, flexible, columns().unwrap_or(PIPE_COLUMNS))
}

fn fit(heads: &[&str], rows: &[Vec<String>], flexible: usize, columns: usize) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| text::safe(cell)).collect())
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].width());
        cells.chain([heads[column].width()]).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..heads.len()).map(width).collect();
    let others: usize = widths.iter().sum::<usize>() - widths[flexible] + GAP * (heads.len() - 1);
    let room = columns.saturating_sub(others).max(FLEXIBLE_LEAST);
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(heads);
    for mut row in rows {
        row[flexible] = text::clip(&row[flexible], room);
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, u16::try_from(GAP).expect("it is 2")));
    }
    let lines = table
        .lines()
        .map(|line| text::clip(line.trim_end(), columns));
    lines.collect::<Vec<_>>().join("\n")
}

const GAP: usize = 2;
/// The width that the flexible column keeps.
const FLEXIBLE_LEAST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn example(columns: usize) -> String {
        let rows = [
            vec![
                "done".to_owned(),
                "a \x1b[31mlong\nname".to_owned(),
                "2s".to_owned(),
            ],
            vec!["failed".to_owned(), "b".to_owned(), "10m".to_owned()],
        ];
        fit(&["STATE", "NAME", "TIME"], &rows, 1, columns)
    }

    #[test]
    fn a_table_is_aligned_and_has_no_control_characters() {
        assert_eq!(
            example(100),
            "STATE   NAME                  TIME\n\
             done    a \\x1b[31mlong\\nname  2s\n\
             failed  b                     10m"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for columns in [5, 10, 20, 26, 30, 40] {
            for line in example(columns).lines() {
                assert!(line.width() <= columns, "{columns}: {line}");
            }
        }
    }
}
