//! The command `marionette`: durable tasks for anyone with a shell, and the operator's tool for
//! every store. Here is only which part runs, and the exit status.

mod add;
mod work;
mod unit;
mod run;
mod operate;
mod args;
mod refuse;
mod worker;
mod signals;
mod say;
mod glyphs;
mod enlist;
mod report;
mod manual;
mod input;
mod command;
mod minder;
mod store;
mod folder;
mod location;
mod trouble;
mod output;
mod table;
mod text;
mod time;
mod clock;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Verb, When};

/// The exit status of what could not begin.
const NOT_BEGUN: u8 = 2;

fn main() -> ExitCode {
    folder::look_at_umask();
    // Before the options, which know nothing of it.
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|first| first == minder::ARGUMENT) {
        let [folder, worker, trusts] = [(); 3].map(|()| words.next().unwrap_or_default());
        return minder::serve(folder.as_ref(), &worker, &trusts);
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
            for line in format!("{error:#}").lines() {
                anstream::eprintln!("marionette: {}", glyphs::shown(line));
            }
            NOT_BEGUN.into()
        }
    }
}

/// Options that cannot be meant. What only asks for help is no error.
fn refuse(error: clap::Error) -> ! {
    if !error.use_stderr() {
        error.exit();
    }
    refuse::tell(error);
    std::process::exit(NOT_BEGUN.into());
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
