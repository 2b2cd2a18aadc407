//! What is said of options that cannot be meant, where clap alone does not know what to write.

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::args::Args;
use crate::text::nearest;

/// Says what is wrong, and what is most likely meant.
pub(crate) fn tell(mut error: clap::Error) {
    let hint = hint(&error);
    if hint.is_some() {
        // It would be about one word, and not about what is missing.
        error.remove(ContextKind::Suggested);
    }
    let _ = error.print();
    if let Some(hint) = hint {
        anstream::eprintln!("\n{hint}");
    }
}

fn hint(error: &clap::Error) -> Option<String> {
    let has = |word: &str| std::env::args_os().skip(1).any(|argument| argument == word);
    match error.kind() {
        ErrorKind::UnknownArgument if has("run") && (has(":::") || has("{}")) => Some(
            "A command for many items comes after `--`: marionette run -- optipng {} ::: *.png"
                .to_owned(),
        ),
        // It is most likely an option of the command.
        ErrorKind::UnknownArgument if has("add") => Some(
            "A command with options of its own comes after `--`: \
             marionette add -- ./report.sh --send"
                .to_owned(),
        ),
        ErrorKind::InvalidUtf8 => {
            let mut arguments = std::env::args_os().skip(1);
            let found = arguments.find(|argument| argument.to_str().is_none())?;
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
