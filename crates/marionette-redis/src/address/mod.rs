//! Where the server is, and as whom to go there; a password is never shown.

use std::fmt;
use std::path::PathBuf;

use marionette::store::StoreError;

use crate::durability::Durability;

mod login;
mod parse;

pub(crate) use login::Login;

/// What the address of a store says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) endpoint: Endpoint,
    /// Whether the connection is encrypted.
    pub(crate) secure: bool,
    pub(crate) login: Option<Login>,
    pub(crate) database: u32,
    /// The name of the store, if the address has one.
    pub(crate) name: Option<String>,
    /// What is waited for, if the address says it.
    pub(crate) durability: Option<Durability>,
}

/// Where a server is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Server(Host),
    /// A socket in the file system of this machine.
    Socket(PathBuf),
    /// The sentinels know where the master of this name is at the moment.
    Sentinels {
        sentinels: Vec<Host>,
        master: String,
    },
}

/// A machine and a port of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// A name or an IP address, without brackets.
    pub(crate) name: String,
    pub(crate) port: u16,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    ///
    /// If it is none of the known forms; the error says what is wrong, and shows no password.
    pub(crate) fn parse(url: &str) -> Result<Self, StoreError> {
        parse::address(url)
            .map_err(|wrong| StoreError::refused(format!("the address of the store {wrong}")))
    }
}

/// The address without user and password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "rediss" } else { "redis" };
        match &self.endpoint {
            Endpoint::Server(host) => write!(f, "{scheme}://{host}/{}", self.database),
            Endpoint::Socket(path) => {
                write!(f, "redis+unix://{}?db={}", path.display(), self.database)
            }
            Endpoint::Sentinels { sentinels, master } => {
                write!(f, "{scheme}+sentinel://")?;
                for (index, sentinel) in sentinels.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma}{sentinel}")?;
                }
                write!(f, "/{master}/{}", self.database)
            }
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}
