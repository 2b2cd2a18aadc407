//! The command `marionette`: durable tasks for anyone with a shell, and the operator's tool for
//! every store. This file chooses the part that runs, and the exit status.
//!
//! This library is a part of the command and has no API: any version may change all of it.

#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod add;
mod work;
mod unit;
mod operate;
mod run;
mod help;
mod args;
mod instance;
mod output;
mod store;
mod input;
mod minder;
mod command;
mod files;
mod process;
mod console;
mod common;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::args::{Args, Verb};
use crate::common::ColorChoice;
use crate::process::NOT_BEGUN;

/// How long background work may take to end with the process.
const LEAVING: Duration = Duration::from_secs(1);

/// Runs the command with the arguments of this process.
pub fn main() -> ExitCode {
    // Before there is a second thread, and before a file of ours is open: whatever the shell left
    // open besides 0, 1 and 2 ends with this process, and no command inherits it.
    close_fds::set_fds_cloexec(3, &[]);
    console::tell_of_panics();
    files::keep_ours();
    // Before the options are parsed, which do not know this argument.
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|first| first == minder::ARGUMENT) {
        let [folder, worker, trusts] = [(); 3].map(|()| words.next().unwrap_or_default());
        return minder::serve(folder.as_ref(), &worker, &trusts);
    }
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let is_wrong = error.use_stderr();
            help::refuse::tell(error);
            return if is_wrong { NOT_BEGUN } else { 0 }.into();
        }
    };
    match args.common.color {
        ColorChoice::Auto => {}
        ColorChoice::Always => anstream::ColorChoice::Always.write_global(),
        ColorChoice::Never => anstream::ColorChoice::Never.write_global(),
    }
    // The cause of a panic was told where it happened.
    match panic::catch_unwind(AssertUnwindSafe(|| perform(args))) {
        Ok(Ok(code)) => code.into(),
        Ok(Err(error)) => {
            console::complain(&process::lack::with_limit(&error));
            NOT_BEGUN.into()
        }
        Err(_) => NOT_BEGUN.into(),
    }
}

/// Does what the arguments say, and returns the exit status.
fn perform(args: Args) -> anyhow::Result<u8> {
    let Args { common, verb } = args;
    // Before anything happens, since these commands show or read times.
    let has_times = common.json || matches!(verb, Verb::Add(_) | Verb::Operate(_));
    if has_times {
        console::clock::check().map_err(anyhow::Error::msg)?;
    }
    let runtime = process::runtime::begin(
        tokio::runtime::Builder::new_multi_thread(),
        process::runtime::refuse,
    )?;
    let done = match verb {
        Verb::Run(run) => runtime.block_on(run::run(&common, &run)),
        Verb::Add(add) => runtime.block_on(add::add(&common, &add)),
        Verb::Work(work) => runtime.block_on(work::work(&common, &work)),
        Verb::Unit(unit) => unit::unit(&common, &unit),
        Verb::Operate(verb) => runtime.block_on(operate::operate(&common, verb)),
        Verb::Completions { shell } => help::manual::completions(shell),
        Verb::Man => help::manual::page(),
    };
    // A disk that does not answer may block a thread for any time, but not this process.
    runtime.shutdown_timeout(LEAVING);
    done
}
