//! The command `marionette`: durable tasks for anyone with a shell, and the operator's tool for
//! every store. Here is only which part runs, and the exit status.

mod add;
mod work;
mod unit;
mod run;
mod operate;
mod args;
mod worker;
mod signals;
mod say;
mod enlist;
mod report;
mod manual;
mod input;
mod command;
mod minder;
mod store;
mod location;
mod room;
mod output;
mod table;
mod text;
mod time;
mod clock;

use std::process::ExitCode;

use clap::Parser;
use clap::error::{ContextKind, ErrorKind};

use crate::args::{Args, Verb, When};

/// The exit status of what could not begin.
const NOT_BEGUN: u8 = 2;

fn main() -> ExitCode {
    // Before the options, which know nothing of it.
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|first| first == minder::ARGUMENT) {
        let [folder, worker] = [(); 2].map(|()| words.next().unwrap_or_default());
        return minder::serve(folder.as_ref(), &worker);
    }
    let args = Args::try_parse().unwrap_or_else(|error| refuse(error));
    match args.common.color {
        When::Auto => {}
        When::Always => anstream::ColorChoice::Always.write_global(),
        When::Never => anstream::ColorChoice::Never.write_global(),
    }
    match perform(args) {
        Ok(code) => code.into(),
        Err(error) => {
            anstream::eprintln!("marionette: {error:#}");
            NOT_BEGUN.into()
        }
    }
}

/// Says what is wrong with the options, and what clap cannot know: an option behind a command is
/// most likely one of that command. Its own tip for that case would add the option alone.
fn refuse(mut error: clap::Error) -> ! {
    let adds = std::env::args_os().skip(1).any(|word| word == "add");
    if adds && error.kind() == ErrorKind::UnknownArgument {
        error.remove(ContextKind::Suggested);
        let _ = error.print();
        anstream::eprintln!(
            "\nA command with options of its own stands behind `--`: \
             marionette add -- ./report.sh --send"
        );
        std::process::exit(NOT_BEGUN.into());
    }
    error.exit()
}

/// Does what was asked for, and returns the exit status.
fn perform(args: Args) -> anyhow::Result<u8> {
    let Args { common, verb } = args;
    // Before anything happens: these show times, or read them.
    let has_times = common.json || matches!(verb, Verb::Add(_) | Verb::Operate(_));
    if has_times {
        clock::check().map_err(anyhow::Error::msg)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    match verb {
        Verb::Run(run) => runtime.block_on(run::run(&common, &run)),
        Verb::Add(add) => runtime.block_on(add::add(&common, &add)),
        Verb::Work(work) => runtime.block_on(work::work(&common, &work)),
        Verb::Unit(unit) => unit::unit(&common, &unit),
        Verb::Operate(verb) => runtime.block_on(operate::operate(&common, verb)),
        Verb::Completions { shell } => manual::completions(shell),
        Verb::Man => manual::page(),
    }
}
