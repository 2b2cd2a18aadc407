//! All automation of the repository. `cargo xtask --help` lists what there is.

mod ci;
mod test;

mod tidy;
mod examples;
mod fuzz;
mod guided;
mod bench;
mod advisories;
mod loom;
mod memcheck;
mod miri;
mod docs;
mod releases;
mod servers;
mod services;
mod package;

mod step;
mod install;

mod toolchain;

mod args;
mod shell;
mod child;
mod diff;
mod stopwatch;

use std::process::ExitCode;

use args::Args;

const HELP: &str = "\
cargo xtask: all automation of the repository

USAGE: cargo xtask COMMAND [OPTIONS]

COMMANDS
  test [STEP]...        Run every test, or the named groups of them.
                        Installs what the tests need and the machine lacks, and ends
                        with a list of what was left out.
  ci [STEP]...          Run every other check that a change must pass, or the named ones.
                        Installs the tools that they need and that are missing.
      --list            Name the steps of `test` or `ci` and stop.
      --no-install      Install nothing: skip the steps whose tools are missing.
  tidy                  Run our own checks of the sources. Fast, needs no tools.
  examples [NAME]...    Run the examples and compare what they print with
                        crates/marionette/examples/expected/NAME.txt.
      --bless           Write what they print as the expected output.
  bench --instructions  Count the instructions of the hot paths under valgrind.
                        Fails where a benchmark exceeds its limit.
  fuzz [TARGET]         Give any bytes to everything that reads some: the targets whose names
                        contain this, or all.
      --seconds NUMBER  How long for each (default: 60; for a release 3600).
      --seed NUMBER     Begin with this seed: a failure names the one that repeats it.
  services              Start a Redis server for your own trials: it prints its address and ends
                        with Ctrl-C. Nothing that it holds is kept.
      --program PATH    Another server, such as valkey-server.
  install               Install every tool that `test` and `ci` need and that is missing.

  -h, --help            Print this text.
";

fn main() -> ExitCode {
    let mut args = Args::from_env();
    if args.flag("--help") || args.flag("-h") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let done = match args.word().as_deref() {
        Some("test") => test::main(args),
        Some("ci") => step::main(ci::STEPS, args),
        Some("tidy") => args.finish().and_then(|()| tidy::main()),
        Some("examples") => examples::main(args),
        Some("fuzz") => fuzz::main(args),
        Some("bench") => bench::main(args),
        Some("services") => services::main(args),
        Some("install") => args.finish().and_then(|()| install::main()),
        Some(other) => Err(anyhow::anyhow!(
            "there is no command `{other}`; see `cargo xtask --help`"
        )),
        None => Err(anyhow::anyhow!("name a command; see `cargo xtask --help`")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err:#}");
            ExitCode::FAILURE
        }
    }
}
