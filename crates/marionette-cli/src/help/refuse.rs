//! Messages about wrong options, where clap alone does not know the right hint.

use std::env;
use std::ffi::OsString;

use clap::CommandFactory;
use clap::builder::Styles;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::args::Args;
use crate::console;
use crate::console::text::nearest;

/// Prints the help, if that was asked for; else the error, and the option that was most likely
/// meant.
pub(crate) fn tell(error: clap::Error) {
    let help = error.render();
    // An error of printing means that nobody reads any more.
    let _ = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            console::ask(&help.ansi().to_string())
        }
        _ if !error.use_stderr() => console::print(help.ansi().to_string().trim_end_matches('\n')),
        _ => {
            console::refuse(&wrong(error));
            Ok(())
        }
    };
}

/// The error without any colour, since one in it can only come from an argument.
fn wrong(error: clap::Error) -> String {
    let mut error = plain(error);
    hide_secret(&mut error);
    let hint = hint(&error);
    if hint.is_some() {
        // The suggestion would be about one word, and not about what is missing.
        error.remove(ContextKind::Suggested);
    }
    let told = error.render().ansi().to_string();
    let told = told.strip_prefix("error: ").unwrap_or(&told).trim_end();
    match hint {
        Some(hint) => format!("{told}\n\n{hint}"),
        None => told.to_owned(),
    }
}

/// The error without colours, and with the line ends of arguments escaped, since clap quotes
/// arguments as they are.
fn plain(error: clap::Error) -> clap::Error {
    let words = env::args_os().map(|word| match word.to_str() {
        Some(text) => OsString::from(text.replace('\n', "\\n").replace('\r', "\\r")),
        None => word,
    });
    let again = Args::command()
        .styles(Styles::plain())
        .try_get_matches_from(words);
    match again {
        Err(again) if again.kind() == error.kind() => again,
        // A line end itself was wrong. The original error says that.
        _ => error.with_cmd(&Args::command().styles(Styles::plain())),
    }
}

/// Removes the argument of an option for a number or a source: it may be the secret itself.
fn hide_secret(error: &mut clap::Error) {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else {
        return;
    };
    let is_of = |options: &[&str]| options.iter().any(|name| option.starts_with(name));
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else {
        return;
    };
    let shown = match value.split_once('=') {
        _ if is_of(&["--secret "]) => "***".to_owned(),
        Some((name, _)) if is_of(&["--env ", "--env-from "]) => format!("{name}=***"),
        None if is_of(&["--env-from "]) => "***".to_owned(),
        _ => return,
    };
    error.insert(ContextKind::InvalidValue, ContextValue::String(shown));
}

fn hint(error: &clap::Error) -> Option<String> {
    let has = |word: &str| env::args_os().skip(1).any(|argument| argument == word);
    match error.kind() {
        ErrorKind::UnknownArgument if has("run") && (has(":::") || has("{}")) => Some(
            "A command for many items comes after `--`: marionette run -- optipng {} ::: *.png"
                .to_owned(),
        ),
        // The word is most likely an option of the command.
        ErrorKind::UnknownArgument if has("add") => Some(
            "A command with options of its own comes after `--`: \
             marionette add -- ./report.sh --send"
                .to_owned(),
        ),
        ErrorKind::InvalidUtf8 => {
            let mut arguments = env::args_os().skip(1).zip(1..);
            let (found, number) = arguments.find(|(argument, _)| argument.to_str().is_none())?;
            let mut arguments = env::args_os();
            if arguments.any(|argument| argument.to_string_lossy().starts_with("--secret")) {
                return Some(format!("It is argument number {number}"));
            }
            let shown = found.as_encoded_bytes().escape_ascii();
            Some(format!("It is this one: {shown}"))
        }
        ErrorKind::InvalidSubcommand if error.get(ContextKind::SuggestedSubcommand).is_none() => {
            let Some(ContextValue::String(verb)) = error.get(ContextKind::InvalidSubcommand) else {
                return None;
            };
            let command = Args::command();
            let verbs = command.get_subcommands().map(clap::Command::get_name);
            let meant = nearest(verb, verbs)?;
            Some(format!("Did you mean `marionette {meant}`?"))
        }
        _ => None,
    }
}
