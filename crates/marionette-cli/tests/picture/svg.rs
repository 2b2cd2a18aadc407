//! Screens of a terminal as a picture: one under the other, each cell where it was.

use std::fmt::Write;

use vt100::{Color, Screen};

/// The size of a cell, in pixels.
const CELL: (f32, f32) = (8.4, 18.0);
const MARGIN: f32 = 16.0;

/// Cells of one row that look the same.
struct Run {
    column: u16,
    width: u16,
    text: String,
    style: Style,
}

#[derive(Clone, Copy, PartialEq)]
struct Style {
    colour: &'static str,
    bold: bool,
    dim: bool,
}

/// Draws a line that was typed, and the screens, each from the row on that begins with these words,
/// without the rows at its end that are empty.
pub(crate) fn draw(typed: &str, screens: &[(&Screen, &str)]) -> String {
    let mut rows = vec![vec![plain(typed)]];
    for (index, (screen, begin)) in screens.iter().enumerate() {
        if index > 0 {
            rows.push(vec![plain("…")]);
        }
        let begins = |row: &Vec<Run>| row.first().is_some_and(|run| run.text.starts_with(begin));
        let shown = rows_of(screen).into_iter();
        rows.extend(shown.skip_while(|row| !begin.is_empty() && !begins(row)));
    }
    let columns = screens.iter().map(|(screen, _)| screen.size().1.get());
    let columns = columns.max();
    let width = 2.0 * MARGIN + f32::from(columns.unwrap_or(80)) * CELL.0;
    let height = rows.iter().fold(2.0 * MARGIN, |height, _| height + CELL.1);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         width=\"{width:.0}\" height=\"{height:.0}\" font-size=\"14\" \
         font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\">\n\
         <title>marionette run at work</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1b1f27\"/>\n"
    );
    let mut y = MARGIN;
    for row in &rows {
        y += CELL.1;
        for run in row {
            draw_run(&mut svg, run, y - 4.0);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_run(svg: &mut String, run: &Run, y: f32) {
    let Style { colour, bold, dim } = run.style;
    let (x, width) = (f32::from(run.column), f32::from(run.width));
    let weight = if bold { " font-weight=\"bold\"" } else { "" };
    let opacity = if dim { " opacity=\"0.6\"" } else { "" };
    let text = run.text.replace('&', "&amp;").replace('<', "&lt;");
    // The length keeps the columns in line, whatever the font.
    let written = writeln!(
        svg,
        "<text xml:space=\"preserve\" x=\"{:.1}\" y=\"{y:.0}\" textLength=\"{:.1}\" \
         fill=\"{colour}\"{weight}{opacity}>{text}</text>",
        MARGIN + x * CELL.0,
        width * CELL.0,
    );
    written.expect("a text takes everything");
}

fn plain(line: &str) -> Run {
    Run {
        column: 0,
        width: u16::try_from(line.chars().count()).expect("it is a line"),
        text: line.to_owned(),
        style: Style {
            colour: "#d8dee9",
            bold: false,
            dim: false,
        },
    }
}

fn rows_of(screen: &Screen) -> Vec<Vec<Run>> {
    let (rows, columns) = screen.size();
    let rows = (0..rows.get()).map(|row| row_of(screen, row, columns.get()));
    let mut rows: Vec<Vec<Run>> = rows.collect();
    while rows.last().is_some_and(Vec::is_empty) {
        rows.pop();
    }
    rows
}

fn row_of(screen: &Screen, row: u16, columns: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for column in 0..columns {
        let Some(cell) = screen.cell(row, column) else {
            continue;
        };
        let style = Style {
            colour: colour(cell.fgcolor()),
            bold: cell.bold(),
            dim: cell.dim(),
        };
        let text = if cell.has_contents() {
            cell.contents()
        } else {
            " "
        };
        match runs.last_mut() {
            Some(run) if run.style == style => {
                run.text.push_str(text);
                run.width += 1;
            }
            _ => runs.push(Run {
                column,
                width: 1,
                text: text.to_owned(),
                style,
            }),
        }
    }
    for run in &mut runs {
        let kept = run.text.trim_end().chars().count();
        run.text = run.text.chars().take(kept).collect();
        run.width = u16::try_from(kept).expect("a row is short");
    }
    runs.retain(|run| !run.text.is_empty());
    runs
}

/// Colours that can be read on the dark ground of the picture.
fn colour(colour: Color) -> &'static str {
    match colour {
        Color::Idx(1 | 9) => "#ff7b72",
        Color::Idx(2 | 10) => "#7ee787",
        Color::Idx(3 | 11) => "#e3b341",
        Color::Idx(4 | 12) => "#79c0ff",
        Color::Idx(5 | 13) => "#d2a8ff",
        Color::Idx(6 | 14) => "#76e3ea",
        Color::Idx(8) => "#8b949e",
        Color::Default | Color::Idx(_) | Color::Rgb(..) => "#d8dee9",
    }
}
