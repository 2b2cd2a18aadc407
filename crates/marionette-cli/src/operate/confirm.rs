//! Asks before many tasks are changed.

use std::io::{self, BufRead, IsTerminal};

use anyhow::{Result, bail};

use crate::console;

/// Shows the tasks that would be changed, and asks; an error if there is no terminal to ask on.
pub(super) fn confirm(preview: &str, question: &str) -> Result<bool> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        bail!(
            "{question}? There is no terminal on which to ask: say --yes to do it, or --dry-run to \
             see what it would change"
        );
    }
    console::ask(&format!("{preview}\n{question}? [y/N] "))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
