//! Shell completions and the manual page, made from the options.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Args;
use crate::console;

/// Prints the completions for a shell.
pub(crate) fn completions(shell: Shell) -> anyhow::Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "marionette", &mut script);
    print(&script)
}

/// Prints the manual page, with all commands.
pub(crate) fn page() -> anyhow::Result<u8> {
    let mut page = Vec::new();
    let mut command = Args::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for verb in command
        .get_subcommands()
        .filter(|verb| verb.get_name() != "help")
    {
        let man = clap_mangen::Man::new(verb.clone());
        writeln!(
            page,
            ".SH \"MARIONETTE {}\"",
            verb.get_name().to_uppercase()
        )?;
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        man.render_extra_section(&mut page)?;
    }
    print(&page)
}

fn print(bytes: &[u8]) -> anyhow::Result<u8> {
    match console::print_bytes(bytes) {
        // The reader has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        printed => Ok(printed.map(|()| 0)?),
    }
}
