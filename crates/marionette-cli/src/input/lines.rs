//! Tasks one in each line: a line for the shell. Blank lines and lines that begin with `#` are
//! passed over; a line that ends with `\` goes on in the next.

use super::draft::Draft;
use super::{Fault, Task};
use crate::command::What;

pub(super) fn read(text: &str, base: &Draft) -> Result<Vec<Task>, Vec<Fault>> {
    let mut tasks = Vec::new();
    let mut faults = Vec::new();
    let mut lines = (1..).zip(text.lines());
    while let Some((first, line)) = lines.next() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let mut whole = trimmed.to_owned();
        while whole.ends_with('\\') {
            let Some((_, next)) = lines.next() else {
                faults.push(Fault::new(first, "it ends with `\\`, and no line follows"));
                break;
            };
            whole.push('\n');
            whole.push_str(next.trim_end());
        }
        if whole.contains('\0') {
            faults.push(Fault::new(first, "it contains a zero byte"));
            continue;
        }
        match base.clone().with(What::Run(whole)).finish(first) {
            Ok(task) => tasks.push(task),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() {
        Ok(tasks)
    } else {
        Err(faults)
    }
}
