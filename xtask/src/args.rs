//! The words of the command line, taken one by one: what is left over at the end is an error.

use anyhow::{Result, bail};

/// What the user typed after `cargo xtask`.
#[derive(Debug)]
pub(crate) struct Args(Vec<String>);

impl Args {
    pub(crate) fn from_env() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    /// Takes `name` wherever it stands, and says whether it was there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|word| word != name);
        self.0.len() < before
    }

    /// Takes `name` wherever it stands, with the word behind it.
    pub(crate) fn value(&mut self, name: &str) -> Result<Option<String>> {
        let Some(at) = self.0.iter().position(|word| word == name) else {
            return Ok(None);
        };
        if at + 1 == self.0.len() {
            bail!("{name} takes a value; see `cargo xtask --help`");
        }
        self.0.remove(at);
        Ok(Some(self.0.remove(at)))
    }

    /// Takes the first word that is not an option.
    pub(crate) fn word(&mut self) -> Option<String> {
        let at = self.0.iter().position(|word| !word.starts_with('-'))?;
        Some(self.0.remove(at))
    }

    /// Takes all that is left; options must have been taken before.
    pub(crate) fn words(self) -> Result<Vec<String>> {
        if let Some(option) = self.0.iter().find(|word| word.starts_with('-')) {
            bail!("there is no option `{option}` here; see `cargo xtask --help`");
        }
        Ok(self.0)
    }

    /// Refuses anything that is left.
    pub(crate) fn finish(self) -> Result<()> {
        match self.0.first() {
            Some(word) => bail!("`{word}` is one word too many; see `cargo xtask --help`"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Args {
        Args(line.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn options_may_stand_anywhere() {
        let mut args = args("ci --list loom");
        assert!(args.flag("--list"));
        assert_eq!(args.word().as_deref(), Some("ci"));
        assert_eq!(args.words().unwrap(), ["loom"]);
    }

    #[test]
    fn an_option_may_have_a_value() {
        let mut words = args("fuzz --seconds 5 toml");
        assert_eq!(words.value("--seconds").unwrap().as_deref(), Some("5"));
        assert_eq!(words.value("--seed").unwrap(), None);
        assert_eq!(words.words().unwrap(), ["fuzz", "toml"]);
        assert!(args("fuzz --seed").value("--seed").is_err());
    }

    #[test]
    fn what_nobody_took_is_refused() {
        assert!(args("tidy").finish().is_err());
        assert!(args("--no-such-option").words().is_err());
    }
}
