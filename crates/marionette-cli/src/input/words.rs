//! A command and the items for which it runs: words, and never a line for a shell.

use std::ffi::OsString;
use std::io::{IsTerminal, stdin};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::source::{ListSource, PieceRule, current_folder};
use super::template::Template;
use super::{File, Options, Task, code};
use crate::command::{Command, Text, What, quoted};
use crate::console::text::clip;

/// Separates the command from its items, and one list of items from the next.
const SEPARATOR: &str = ":::";
/// Separators of GNU parallel that have no meaning here.
const UNKNOWN_SEPARATORS: &[&str] = &[":::+", "::::", "::::+"];
/// The highest number of tasks that several lists may make.
const TASKS_MAX: usize = 1_000_000;
/// The width of a command or an item in messages.
const NAME_COLUMNS: usize = 60;
/// The width of a refused name in messages.
const ESCAPED_COLUMNS: usize = 200;
const NOT_UTF_8: &str = "is not UTF-8, which the words of a command have to be";

/// A command and the words behind it on the command line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<'a> {
    /// The command, and its items behind `:::`.
    pub(crate) arguments: &'a [OsString],
    /// Whether the items on standard input end with zero bytes instead of line ends.
    pub(crate) is_null: bool,
    /// The options of its tasks.
    pub(crate) options: &'a Options,
}

impl Words<'_> {
    /// Makes a task for each item, or for each combination of the items of several lists.
    pub(crate) fn read(self) -> Result<File> {
        let words = self.arguments.iter().zip(0..).map(|(word, number)| {
            let shown = || escaped(word.as_encoded_bytes());
            let text = word.to_str().map(str::to_owned);
            text.with_context(|| format!("word {number} behind `--` {NOT_UTF_8}: {}", shown()))
        });
        let words = words.collect::<Result<Vec<_>>>()?;
        let is_unknown = |word: &&String| UNKNOWN_SEPARATORS.contains(&word.as_str());
        if let Some(unknown) = words.iter().find(is_unknown) {
            bail!("`{unknown}` is not known here; items stand behind `:::`, or are piped in");
        }
        let mut parts = words.split(|word| word == SEPARATOR);
        let command = parts.next().unwrap_or_default();
        let mut lists: Vec<_> = parts.map(<[String]>::to_vec).collect();
        ensure!(
            !command.is_empty(),
            "the command is missing before its items; write it like: marionette run -- optipng \
             {{}} ::: a.png b.png"
        );
        ensure!(
            lists.is_empty() || !self.is_null,
            "`-0` is for items on standard input, and there are items behind `:::`"
        );
        let folder = current_folder()?;
        let template = Template::parse(command, lists.len().max(1));
        let template = template.map_err(|unfit| anyhow!(unfit.to_string()))?;
        check_program(command, &template)?;
        code::check(command, &template).map_err(|error| anyhow!(error))?;
        if lists.is_empty() {
            lists.push(self.standard_input()?);
        }
        let tasks = tasks(command, &template, &lists, &folder, self.options)?;
        let shown: Vec<_> = command.iter().map(|word| quoted(word)).collect();
        Ok(File {
            path: None,
            name: format!("`{}`", clip(&shown.join(" "), NAME_COLUMNS)),
            tasks,
        })
    }

    /// Reads the items on standard input.
    fn standard_input(self) -> Result<Vec<String>> {
        ensure!(
            !stdin().is_terminal(),
            "the command has no items: name them behind `:::`, or pipe them in, one in each line \
             (with `-0`, each with a zero byte at its end)"
        );
        let end = if self.is_null { b'\0' } else { b'\n' };
        let source = ListSource::standard_input(&PieceRule::item(end))?;
        if self.is_null {
            // Names are taken as they are: bytes like a byte order mark may be part of one.
            let items = source.bytes.split_inclusive(|byte| *byte == 0).zip(1..);
            let items = items
                .map(|(bytes, number)| item(bytes.strip_suffix(b"\0").unwrap_or(bytes), number));
            return items.collect();
        }
        let lines = lines(source.without_mark()?).zip(1..);
        let items = lines.map(|(line, number)| {
            ensure!(
                !line.contains(&0),
                "item {number} contains a zero byte; if that is what separates items, say `-0`"
            );
            item(line, number)
        });
        items.collect()
    }
}

/// The lines without their ends; an empty line is an empty item, as in GNU parallel.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.map(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line)
    })
}

fn item(bytes: &[u8], number: usize) -> Result<String> {
    let text = std::str::from_utf8(bytes).map(str::to_owned).ok();
    text.with_context(|| format!("item {number} {NOT_UTF_8}: {}", escaped(bytes)))
}

/// The bytes with all but plain characters escaped.
fn escaped(bytes: &[u8]) -> String {
    clip(&bytes.escape_ascii().to_string(), ESCAPED_COLUMNS)
}

/// A task for each combination of the items; the last list changes the fastest.
fn tasks(
    words: &[String],
    template: &Template,
    lists: &[Vec<String>],
    folder: &Path,
    options: &Options,
) -> Result<Vec<Task>> {
    let lengths = || lists.iter().map(Vec::len);
    let total = lengths().try_fold(1, usize::checked_mul);
    let Some(total) = total.filter(|total| *total <= TASKS_MAX || lists.len() == 1) else {
        let lengths: Vec<_> = lengths().map(|length| length.to_string()).collect();
        bail!(
            "the lists have {} combinations; the limit is {TASKS_MAX}",
            lengths.join(" × ")
        );
    };
    let tasks = (0..total).map(|place| {
        let items = combination(lists, place);
        // The identity leaves out the number of the task, which changes with the list.
        let identity = serde_json::to_vec(&(words, folder, &items))?;
        task(template, &items, place + 1, folder, identity, options)
    });
    tasks.collect()
}

/// The items of the combination of this number, one of each list.
fn combination(lists: &[Vec<String>], mut place: usize) -> Vec<String> {
    let items = lists.iter().rev().map(|list| {
        let item = list[place % list.len()].clone();
        place /= list.len();
        item
    });
    let mut items: Vec<_> = items.collect();
    items.reverse();
    items
}

fn task(
    template: &Template,
    items: &[String],
    number: usize,
    folder: &Path,
    identity: Vec<u8>,
    options: &Options,
) -> Result<Task> {
    let words = template.fill(items, number).into_iter().map(Text::Plain);
    let command = Command::new(What::Command(words.collect()), folder.to_owned());
    if let Err(error) = command.check() {
        let items: Vec<_> = items.iter().map(|item| quoted(item)).collect();
        let shown = clip(&items.join(" "), NAME_COLUMNS);
        bail!("item {number}, {shown}: {error}");
    }
    Ok(Task {
        line: number,
        name: None,
        command,
        options: options.clone(),
        identity: Some(identity),
    })
}

/// Refuses a line for a shell that stands in one word, which is no program.
fn check_program(command: &[String], template: &Template) -> Result<()> {
    let program = &command[0];
    let is_line = program.contains(char::is_whitespace) && !Path::new(program).exists();
    if !is_line || (template.takes_items(0) && command.len() > 1) {
        return Ok(());
    }
    let apart: Vec<_> = program.split_whitespace().map(quoted).collect();
    bail!(
        "{} is one word, and there is no program of that name; write its words apart: \
         marionette run -- {}",
        quoted(program),
        apart.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_lists_make_all_combinations_in_order() {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        let lists: [Vec<String>; 2] = [list(&["a", "b"]), list(&["1", "2", "3"])];
        let all: Vec<_> = (0..6)
            .map(|place| combination(&lists, place).concat())
            .collect();
        assert_eq!(all, ["a1", "a2", "a3", "b1", "b2", "b3"]);
    }

    #[test]
    fn lines_are_items_without_their_ends() {
        let read = |text: &'static str| lines(text.as_bytes()).collect::<Vec<_>>();
        assert_eq!(read(""), [b""; 0]);
        assert_eq!(read("a\r\n\nb"), [&b"a"[..], b"", b"b"]);
    }
}
