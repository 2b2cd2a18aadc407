//! The blocks of code of a document.

/// A block between fences.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    /// The word behind the fence.
    pub(crate) language: &'a str,
    /// The line of its fence, counted from 1.
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// A command of a `console` block, and the lines that it shows.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    pub(crate) command: &'a str,
    pub(crate) expected: Vec<&'a str>,
}

pub(crate) fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut inside = false;
    for (line, text) in (1..).zip(text.lines()) {
        if let Some(language) = text.trim_start().strip_prefix("```") {
            inside = !inside;
            if inside {
                let text = String::new();
                blocks.push(Block {
                    language,
                    line,
                    text,
                });
            }
        } else if inside && let Some(block) = blocks.last_mut() {
            block.text.push_str(text);
            block.text.push('\n');
        }
    }
    blocks
}

impl Block<'_> {
    /// The commands of a `console` block, which begin with `$`.
    pub(crate) fn steps(&self) -> Vec<Step<'_>> {
        let mut steps: Vec<Step<'_>> = Vec::new();
        for line in self.text.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                let expected = Vec::new();
                steps.push(Step { command, expected });
            } else {
                let step = steps.last_mut();
                let step = step.expect("a block of `console` begins with a command");
                step.expected.push(line);
            }
        }
        steps
    }
}

/// A line of a `sh` block as this program is called in it; `None` for other programs.
pub(crate) fn ours(line: &str) -> Option<String> {
    let arguments = line
        .strip_prefix("marionette ")
        .or_else(|| line.strip_prefix("cargo run -p marionette-cli -- "))?;
    Some(format!("marionette {arguments}"))
}
