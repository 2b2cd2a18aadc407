//! The user and the password of a connection.

use std::fmt;

/// As whom to connect. Its `Debug` shows no password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    /// Without one it is the server's default user.
    pub(crate) user: Option<String>,
    pub(crate) password: String,
}

impl Login {
    /// A text of the server without what it may have repeated of the password.
    pub(crate) fn hide(&self, text: &str) -> String {
        if self.password.is_empty() {
            return text.to_owned();
        }
        text.replace(&self.password, "***")
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Login");
        shown.field("user", &self.user).field("password", &"***");
        shown.finish()
    }
}
