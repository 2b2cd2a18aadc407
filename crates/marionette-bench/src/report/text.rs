//! The report for a person: aligned plain text.

use std::fmt::Write;

use crate::machine;
use crate::report::About;
use crate::run::{Cell, Row, Summary, Table};
use crate::sheet::Metric;

/// What stands above all tables.
pub(crate) fn head(about: &About) -> String {
    let versions: Vec<String> = about
        .versions
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let part = match about.part {
        1 => String::new(),
        part => format!("\npart      1/{part} of the size: no figures to quote"),
    };
    format!(
        "machine   {}\nversions  {}\nmethod    median (min–max) of {} interleaved rounds, \
         each measurement a process of its own;\n          {}; \
         a ratio is the median of the ratios within the rounds{part}\n",
        machine::describe(),
        versions.join(", "),
        about.rounds,
        about.method,
    )
}

/// One table.
pub(crate) fn table(table: &Table) -> String {
    let sheet = &table.sheet;
    let base = sheet.base.map(|base| format!("× {base}"));
    let mut lines = vec![heads(sheet.metrics, base.as_deref())];
    for row in &table.rows {
        if let Cell::Figures(summaries) = &row.cell {
            lines.push(cells(row, summaries, base.is_some()));
        }
    }
    let mut text = format!("\n{}  {}\n", sheet.id, sheet.title);
    let widths = widths(&lines);
    let mut figures = lines.iter();
    write_line(&mut text, figures.next(), &widths);
    for row in &table.rows {
        match &row.cell {
            Cell::Figures(_) => write_line(&mut text, figures.next(), &widths),
            Cell::Cannot(why) => write_words(&mut text, row, "cannot", why, widths[0]),
            Cell::Failed(what) => write_words(&mut text, row, "FAILED", what, widths[0]),
        }
    }
    text
}

fn heads(metrics: &[Metric], base: Option<&str>) -> Vec<String> {
    let mut heads = vec![String::new()];
    for (index, metric) in metrics.iter().enumerate() {
        heads.push(metric.head.to_owned());
        heads.push(String::new());
        if let (0, Some(base)) = (index, base) {
            heads.push(base.to_owned());
        }
    }
    heads.push("aim".to_owned());
    heads
}

fn cells(row: &Row, summaries: &[Summary], has_base: bool) -> Vec<String> {
    let mut cells = vec![row.label.to_owned()];
    for (index, summary) in summaries.iter().enumerate() {
        let decimals = summary.metric.decimals;
        if summary.median().is_nan() {
            // It is not known of this row, or did not happen.
            cells.extend(["–".to_owned(), String::new()]);
        } else {
            cells.push(format!("{:.decimals$}", summary.median()));
            cells.push(format!(
                "({:.decimals$}–{:.decimals$})",
                summary.min(),
                summary.max()
            ));
        }
        if index == 0 && has_base {
            cells.push(
                summary
                    .ratio
                    .map_or("–".to_owned(), |ratio| format!("{ratio:.2}")),
            );
        }
    }
    let aims = summaries.iter().enumerate();
    let aims: Vec<String> = aims
        .filter_map(|(index, summary)| aim(summary, index == 0))
        .collect();
    cells.push(aims.join(", "));
    cells
}

/// The aim of a metric beside what became of it. The ratio of the first has a column of its own.
fn aim(summary: &Summary, is_first: bool) -> Option<String> {
    let (aim, reached) = summary.aim?;
    let sign = summary.metric.better.sign();
    let ratio = match (aim.ratio, summary.ratio) {
        (None, _) => String::new(),
        (Some(aimed), Some(ratio)) if !is_first => format!(" ({ratio:.2}, {sign} {aimed} ×)"),
        (Some(aimed), _) => format!(" ({sign} {aimed} ×)"),
    };
    let verdict = if reached { "ok" } else { "MISSED" };
    Some(format!(
        "{} {sign} {}{ratio} {verdict}",
        summary.metric.head, aim.figure
    ))
}

/// The width of each column: that of its widest cell.
fn widths(lines: &[Vec<String>]) -> Vec<usize> {
    let columns = lines[0].len();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let mut widths: Vec<usize> = (0..columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    // The names are wide enough also for those without figures.
    widths[0] = widths[0].max("marionette, through the timer".len());
    widths
}

/// Names and aims to the left, figures to the right.
fn write_line(text: &mut String, line: Option<&Vec<String>>, widths: &[usize]) {
    let Some(line) = line else { return };
    let last = line.len() - 1;
    let mut written = String::from(" ");
    for (column, cell) in line.iter().enumerate() {
        // Writing to a string does not fail.
        let _ = match column {
            0 => write!(written, " {cell:<width$}", width = widths[0]),
            column if column == last => write!(written, "  {cell}"),
            _ => write!(written, " {cell:>width$}", width = widths[column]),
        };
    }
    text.push_str(written.trim_end());
    text.push('\n');
}

fn write_words(text: &mut String, row: &Row, what: &str, words: &str, width: usize) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "  {:<width$} {what}: {words}", row.label);
}
