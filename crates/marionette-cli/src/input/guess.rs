//! Guesses the format of a list, and recognises texts that are no list of commands: they are
//! refused, and never run line by line to see what happens.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::script::is_key;
use super::source::ListSource;
use super::{Format, Reader};
use crate::command::quoted;

/// The kinds of texts that are no list of commands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// A script, with the program that runs it unless it is executable itself.
    Script(String),
    /// Input for a program, which reads such files by an option.
    For(&'static str, &'static str),
    Toml,
    Json,
    Crontab,
    /// Anything else with a name.
    Other(&'static str),
}

/// The endings of scripts, with the program that runs each.
const SCRIPTS: &[(&str, &str)] = &[
    ("sh", "sh"),
    ("bash", "bash"),
    ("dash", "dash"),
    ("zsh", "zsh"),
    ("ksh", "ksh"),
    ("fish", "fish"),
    ("csh", "csh"),
    ("tcsh", "tcsh"),
    ("command", "sh"),
    ("py", "python3"),
    ("rb", "ruby"),
    ("pl", "perl"),
    ("lua", "lua"),
    ("tcl", "tclsh"),
    ("js", "node"),
    ("mjs", "node"),
    ("cjs", "node"),
    ("ts", "deno run"),
    ("php", "php"),
    ("r", "Rscript"),
    ("jl", "julia"),
    ("awk", "awk -f"),
    ("sed", "sed -f"),
    ("nu", "nu"),
    ("ps1", "pwsh"),
    ("bat", "cmd /c"),
    ("cmd", "cmd /c"),
];
/// The endings of other files.
const OTHERS: &[(&[&str], Kind)] = &[
    (&["toml"], Kind::Toml),
    (&["json", "jsonc", "json5", "jsonl", "ndjson"], Kind::Json),
    (&["yml", "yaml"], Kind::Other("YAML")),
    (&["mk", "mak"], Kind::For("make", "-f")),
    (&["just"], Kind::For("just", "-f")),
    (
        &["dockerfile", "containerfile"],
        Kind::Other("a Dockerfile"),
    ),
    (&["cron", "crontab"], Kind::Crontab),
    (
        &[
            "ini",
            "cfg",
            "conf",
            "env",
            "properties",
            "service",
            "timer",
            "desktop",
            "nix",
            "tf",
            "hcl",
        ],
        Kind::Other("a file of settings"),
    ),
    (
        &[
            "md", "markdown", "rst", "adoc", "org", "tex", "html", "htm", "xml", "svg",
        ],
        Kind::Other("a document"),
    ),
    (
        &["csv", "tsv", "sql", "log", "diff", "patch"],
        Kind::Other("data"),
    ),
    (
        &[
            "c", "h", "cc", "cpp", "hpp", "cs", "go", "rs", "java", "kt", "swift", "scala", "hs",
            "ml", "gradle", "groovy", "cmake",
        ],
        Kind::Other("source code"),
    ),
];
/// Whole names of files, in lower case.
const NAMES: &[(&[&str], Kind)] = &[
    (
        &["makefile", "gnumakefile", "bsdmakefile"],
        Kind::For("make", "-f"),
    ),
    (&["justfile", ".justfile"], Kind::For("just", "-f")),
    (&["rakefile"], Kind::For("rake", "-f")),
    (&["snakefile"], Kind::For("snakemake", "-s")),
    (
        &["dockerfile", "containerfile"],
        Kind::Other("a Dockerfile"),
    ),
    (&["crontab"], Kind::Crontab),
    (&["procfile"], Kind::Other("a Procfile")),
    (
        &[
            "vagrantfile",
            "jenkinsfile",
            "gemfile",
            "brewfile",
            "cmakelists.txt",
        ],
        Kind::Other("source code"),
    ),
];
/// The format that the name of a file implies.
pub(super) fn by_name(path: Option<&Path>) -> Option<Format> {
    match path?.extension()?.to_str()? {
        "toml" => Some(Format::Toml),
        "jsonl" | "ndjson" => Some(Format::Jsonl),
        _ => None,
    }
}

/// The refusal of a text that is no list of commands, unless the user said that it is one.
pub(super) fn refusal(
    source: &ListSource,
    text: &str,
    path: &Path,
    reader: Reader,
) -> Option<String> {
    let real = source.path.as_deref();
    let named = real.and_then(|real| named(path).or_else(|| named(real)));
    let kind = match by_first_line(text) {
        // A `#!` line says more than the name of the file.
        Some(kind @ Kind::Script(_)) => kind,
        found => named.or(found)?,
    };
    let name = &source.name;
    let typed = path.to_string_lossy();
    let shown = quoted(&typed);
    let as_format = |format: &str| match reader {
        Reader::Run => format!("marionette run --format {format} {shown}"),
        Reader::Add => format!("marionette add --format {format} --file {shown}"),
    };
    let file = real.map_or_else(|| "FILE".to_owned(), |_| in_folder(&typed));
    let runs = |command: &str| format!("to run it as one task: marionette add -- {command}");
    let (what, instead) = match kind {
        Kind::Script(_) if is_executable(path) && text.starts_with("#!") => {
            ("a script", runs(&file))
        }
        Kind::Script(by) => ("a script", runs(&format!("{by} {file}"))),
        Kind::For("make", option) => ("a makefile", runs(&format!("make {option} {file}"))),
        Kind::For("just", option) => ("a justfile", runs(&format!("just {option} {file}"))),
        Kind::For(program, option) => ("a script", runs(&format!("{program} {option} {file}"))),
        Kind::Toml => ("TOML", format!("to read it as that: {}", as_format("toml"))),
        Kind::Json => (
            "JSON",
            format!("if it has a task in each line: {}", as_format("jsonl")),
        ),
        Kind::Crontab => (
            "a crontab",
            "a task runs once in this version, so leave it to cron, which can start `marionette \
             run -q FILE`"
                .to_owned(),
        ),
        Kind::Other(what) => (
            what,
            "a list has a command in each line, or tasks in TOML or JSON Lines: see `marionette \
             help run`"
                .to_owned(),
        ),
    };
    Some(format!(
        "{name} is {what}, not a list of commands; nothing was run\n\
         {instead}\n\
         if each line is a command of its own: {}",
        as_format("lines")
    ))
}

/// The path in a form that no program takes for an option or searches elsewhere.
fn in_folder(path: &str) -> String {
    if path.contains('/') {
        return quoted(path).into_owned();
    }
    quoted(&format!("./{path}")).into_owned()
}

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

fn named(path: &Path) -> Option<Kind> {
    let name = path.file_name()?.to_str()?.to_lowercase();
    // `Dockerfile.dev` is a Dockerfile, and `crontab.txt` can be anything.
    let is = |known: &str| {
        let rest = name.strip_prefix(known);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.') && rest != ".txt")
    };
    let mut whole = NAMES.iter();
    if let Some((_, kind)) = whole.find(|(names, _)| names.iter().any(|known| is(known))) {
        return Some(kind.clone());
    }
    let (_, end) = name.rsplit_once('.')?;
    if let Some((_, by)) = SCRIPTS.iter().find(|(known, _)| *known == end) {
        return Some(Kind::Script((*by).to_owned()));
    }
    let other = OTHERS.iter().find(|(ends, _)| ends.contains(&end));
    other.map(|(_, kind)| kind.clone())
}

/// The kind that the first lines of a text show.
fn by_first_line(text: &str) -> Option<Kind> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.clone().next()?.trim_end();
    if let Some(by) = first.trim_start().strip_prefix("#!") {
        return Some(Kind::Script(by.trim().to_owned()));
    }
    let first = lines.find(|line| !line.trim_start().starts_with('#'))?;
    let second = lines.next().unwrap_or_default();
    let words: Vec<_> = first.split_whitespace().collect();
    let word = *words.first()?;
    if is_json(first, second) {
        return Some(Kind::Json);
    }
    if is_header(first.trim()) {
        return Some(Kind::Toml);
    }
    if is_crontab(&words) {
        return Some(Kind::Crontab);
    }
    if second.starts_with('\t') && words.iter().any(|word| word.ends_with(':')) || word == ".PHONY:"
    {
        return Some(Kind::For("make", "-f"));
    }
    let is_assigned = words
        .get(1)
        .is_some_and(|word| ["=", ":=", "::=", "?=", "+="].contains(word));
    match word {
        "from" if words.get(2) == Some(&"import") => Some(Kind::Script("python3".to_owned())),
        "def" | "class" if first.ends_with(':') => Some(Kind::Script("python3".to_owned())),
        "FROM" => Some(Kind::Other("a Dockerfile")),
        "---" | "%YAML" | "-" => Some(Kind::Other("YAML")),
        word if is_key(word) => Some(Kind::Other("YAML, or settings of another form,")),
        _ if is_assigned => Some(Kind::Other("a file of settings")),
        "<?php" => Some(Kind::Script("php".to_owned())),
        "import" if is_import(&words) => Some(Kind::Script("python3".to_owned())),
        "@echo" => Some(Kind::Script("cmd /c".to_owned())),
        word if word.to_lowercase() == "rem" => Some(Kind::Script("cmd /c".to_owned())),
        "diff" if words.get(1) == Some(&"--git") => Some(Kind::Other("data")),
        "const" | "let" | "var" if words.get(2) == Some(&"=") => {
            Some(Kind::Script("node".to_owned()))
        }
        "use" if first.ends_with(';') => Some(Kind::Script("perl".to_owned())),
        word if word.starts_with(['<']) && word.ends_with('>') || word.starts_with("<!") => {
            Some(Kind::Other("a document"))
        }
        word if word.starts_with("<?xml") => Some(Kind::Other("a document")),
        _ => None,
    }
}

/// Whether these lines begin JSON. `{ true; }` and `[ -e file ]` are commands.
fn is_json(first: &str, second: &str) -> bool {
    let (first, second) = (first.trim(), second.trim());
    let is_whole = || {
        serde_json::from_str::<serde_json::Value>(first.trim_end_matches(','))
            .is_ok_and(|value| value.is_object() || value.is_array())
    };
    let is_open = || {
        matches!(first, "{" | "[" | "[{") && (second.starts_with(['"', '{', '[', '}', ']', '/']))
    };
    let is_begun = first.starts_with("{\"") || first.starts_with("{ \"") || first.starts_with("[{");
    first.starts_with(['{', '[']) && (is_begun || is_whole() || is_open())
}

/// Whether this line is `[header]` or `[[header]]`. `[[ -e file ]]` is a command.
fn is_header(line: &str) -> bool {
    let line = line.split('#').next().unwrap_or_default().trim_end();
    let inner = line
        .strip_prefix('[')
        .and_then(|line| line.strip_suffix(']'));
    let inner = inner.map(|inner| {
        let double = inner
            .strip_prefix('[')
            .and_then(|inner| inner.strip_suffix(']'));
        double.unwrap_or(inner)
    });
    inner.is_some_and(|inner| {
        !inner.is_empty()
            && inner
                .chars()
                .all(|char| char.is_alphanumeric() || "._-\"".contains(char))
    })
}

fn is_crontab(words: &[&str]) -> bool {
    let is_field = |word: &&str| {
        word.chars()
            .all(|char| char.is_ascii_alphanumeric() || "*/,-".contains(char))
            && word.starts_with(|char: char| char.is_ascii_digit() || char == '*')
    };
    let is_name = [
        "@reboot",
        "@yearly",
        "@annually",
        "@monthly",
        "@weekly",
        "@daily",
        "@hourly",
    ];
    match words {
        [first, _, ..] if is_name.contains(first) => true,
        [fields @ .., _] if fields.len() >= 5 => fields[..3].iter().all(is_field),
        _ => false,
    }
}

/// Whether a line like `import os` or `import os, sys` is Python, and not a call of the program
/// that takes screenshots.
fn is_import(words: &[&str]) -> bool {
    let is_module = |word: &&str| {
        let word = word.trim_end_matches(',');
        word.chars()
            .all(|char| char.is_ascii_alphanumeric() || char == '_')
    };
    words.len() > 1 && words[1..].iter().all(is_module)
}
