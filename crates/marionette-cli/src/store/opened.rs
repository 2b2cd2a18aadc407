//! An open store and the files beside it.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use marionette::store::{Name, Store};
use marionette::{ConfigError, TaskManager, TaskManagerBuilder};
use rustix::fs::Access;

use super::backend::{Backend, Forgotten};
use super::checkup::Checkup;
use super::error::explain;
use super::location::Location;
use super::paths::{beside, owner, shown};
use super::records::Records;
use crate::console::Console;
use crate::console::text::safe;
use crate::files::{Place, Whose};
use crate::process::lack;

/// The free bytes below which the disk counts as full: SQLite writes whole pages, several at once.
const ROOM: u64 = 256 * 1024;

/// An open store, with the places of the files beside it.
#[derive(Clone)]
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    backend: Backend,
    location: Location,
    /// The file; for a store on a server, what the folders on this machine begin with.
    path: PathBuf,
    whose: Whose,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        f.debug_struct("Opened")
            .field("path", path)
            .finish_non_exhaustive()
    }
}

impl Opened {
    /// The store that was opened there, with this path on this machine.
    pub(super) fn new(backend: Backend, location: Location, path: PathBuf, whose: Whose) -> Self {
        Self {
            store: backend.erased(),
            backend,
            location,
            path,
            whose,
        }
    }

    /// A manager on the store that runs these queues.
    pub(crate) fn manager(
        &self,
        builder: TaskManagerBuilder,
        queues: &[Name],
    ) -> Result<TaskManager<dyn Store>, ConfigError> {
        self.backend.manager(builder, queues)
    }

    /// Whether other machines may have the same store.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.location, Location::Redis(_))
    }

    /// The jobs that this process deletes from now on.
    pub(crate) fn forgotten(&self) -> Forgotten {
        self.backend.forgotten()
    }

    /// The folder with the output of all jobs.
    pub(crate) fn outputs(&self) -> Place {
        self.beside("-output")
    }

    /// The folder with the presences of the minders.
    pub(crate) fn minders(&self) -> Place {
        self.beside("-minders")
    }

    /// Looks for damage.
    pub(crate) async fn check_up(&self) -> Result<Checkup> {
        self.backend.check().await.map_err(explain)
    }

    /// The store in words, without its password, safe to print.
    pub(crate) fn shown(&self) -> String {
        match &self.location {
            Location::File(path) => shown(path),
            Location::Redis(address) => address.to_string(),
        }
    }

    /// The records on this shelf of a store that machines share; `None` for a file.
    pub(crate) fn records(&self, shelf: &'static str) -> Option<Records> {
        self.backend.records(Name::from_static(shelf))
    }

    /// The folder with the notes of the runs.
    pub(crate) fn runs(&self) -> Place {
        self.beside("-runs")
    }

    fn beside(&self, what: &str) -> Place {
        Place::new(beside(&self.path, what), self.whose)
    }

    /// Checks that an instance can write the store and the folders beside it, by trying each once.
    pub(crate) fn check(&self, console: &Console) -> Result<()> {
        self.check_trust()?;
        for path in [self.path.clone(), beside(&self.path, "-wal")] {
            let may = Access::READ_OK | Access::WRITE_OK;
            if path.exists() && rustix::fs::access(&path, may).is_err() {
                bail!("cannot write {}{}", shown(&path), owner(&path));
            }
        }
        let workers = match &self.location {
            Location::File(_) => Some(self.beside("-workers")),
            Location::Redis(_) => None,
        };
        let places = [self.minders(), self.outputs(), self.runs()];
        for place in workers.into_iter().chain(places) {
            let path = place.path();
            let (what, of, tried) = match place.make() {
                Err(error) if path.is_dir() => ("a file in", path.as_path(), Err(error)),
                Err(error) => ("the folder", self.folder(), Err(error)),
                Ok(folder) => ("a file in", path.as_path(), folder.probe()),
            };
            match tried {
                Ok(()) => {}
                // A full disk may pass, and is told elsewhere.
                Err(error) if is_no_room(&error) => {}
                // This error says itself what it refuses, and why.
                Err(error) if error.get_ref().is_some() => bail!("{}", safe(&error.to_string())),
                Err(error) => {
                    let why = lack::of(&error).unwrap_or_else(|| error.kind().to_string());
                    let folder = shown(&path);
                    bail!("cannot make {what} {folder}: {why}{}", owner(of));
                }
            }
        }
        if let Some(note) = self.note_of_readers() {
            console.note(&note);
        }
        Ok(())
    }

    /// What there is to say of a store that everybody can read.
    pub(crate) fn note_of_readers(&self) -> Option<String> {
        let bits = self.read_by_others()?;
        Some(format!(
            "everybody can read the store {0}, and with it all commands (mode {bits:04o}): \
             `chmod go= {0}` while nothing has it open",
            shown(&self.path)
        ))
    }

    /// Refuses to run what anybody may have put into the store.
    fn check_trust(&self) -> Result<()> {
        let Location::Redis(address) = &self.location else {
            return Ok(());
        };
        if address.has_password() || self.whose == Whose::Anybodys {
            return Ok(());
        }
        bail!(
            "{address} has no password: whoever can reach that server can have commands run as \
             you; name it with a password, or trust them with --trust-owner"
        );
    }

    /// The mode of a store that everybody can read. This program never makes one.
    fn read_by_others(&self) -> Option<u32> {
        const READ: u32 = 0o004;
        const ENTER: u32 = 0o001;
        let bits = |path: &Path| fs::metadata(path).map_or(0, |found| found.mode() & 0o7777);
        let (file, folder) = (bits(&self.path), bits(self.folder()));
        (file & READ != 0 && folder & ENTER != 0).then_some(file)
    }

    /// Whether the disk of the store has no room. A quota is not noticed.
    pub(crate) fn is_on_full_disk(&self) -> bool {
        let disk = rustix::fs::statvfs(self.folder());
        disk.is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < ROOM)
    }

    /// Says that a file of the store may not become larger, if that is so.
    pub(crate) fn grown(&self) -> Option<String> {
        let files = ["", "-wal", "-shm"].map(|what| beside(&self.path, what));
        lack::grown_files(files)
    }

    /// The folder of the store.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }
}

fn is_no_room(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}
