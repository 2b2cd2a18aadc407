//! What this process lacks (files, processes, memory, room), with the limit that is the cause. None
//! of these is a task's fault.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

/// A file nearer than this to its limit counts as one that can grow no more: SQLite writes whole
/// pages, several at once.
const NEAR: u64 = 64 * 1024;
/// The number of open files below which a limit is the likely cause of a failure.
const FILES_FEW: u64 = 64;
/// The bytes of memory below which a limit is the likely cause of a failure.
const MEMORY_LITTLE: u64 = 512 * 1024 * 1024;

/// A limit of this process: its unit, and how a shell sets it.
type Limit = (Resource, &'static str, &'static str);

const FILES: Limit = (Resource::Nofile, "", "ulimit -n");
const PROCESSES: Limit = (Resource::Nproc, "", "ulimit -u");
const FILE_SIZE: Limit = (Resource::Fsize, " bytes", "ulimit -f");
const ADDRESSES: Limit = (Resource::As, " bytes", "ulimit -v");
const DATA: Limit = (Resource::Data, " bytes", "ulimit -d");

/// The text of an error; if the cause is a lack, the lack and its limit.
pub(crate) fn words(error: &io::Error) -> String {
    of(error).unwrap_or_else(|| error.to_string())
}

/// The lack that is the cause of an error, with its limit, if there is one.
pub(crate) fn of(error: &io::Error) -> Option<String> {
    match Errno::from_io_error(error)? {
        Errno::MFILE => Some(limited("no more files may be opened", FILES)),
        Errno::NFILE => Some("no more files may be opened on this machine".to_owned()),
        Errno::AGAIN => Some(processes()),
        Errno::NOMEM => Some(memory()),
        Errno::FBIG => Some(file_size()),
        Errno::NOSPC => Some("the disk is full".to_owned()),
        Errno::DQUOT => Some("the quota of the disk is used up".to_owned()),
        _ => None,
    }
}

/// An error with its causes in one line; if one of them is a lack, with its limit.
pub(crate) fn with_limit(error: &anyhow::Error) -> String {
    let told = format!("{error:#}");
    let lack = error.chain().find_map(|cause| of(cause.downcast_ref()?));
    match lack.filter(|lack| !told.contains(lack.as_str())) {
        Some(lack) => format!("{told} ({lack})"),
        None => told,
    }
}

/// The lack of this moment, as far as making a pipe and starting a thread show it. A pipe takes two
/// files, as the one for signals does, for which one may have been too few.
pub(crate) fn now() -> Option<String> {
    let files = io::pipe().err();
    let thread = || std::thread::Builder::new().spawn(|| ()).err();
    files.or_else(thread).and_then(|error| of(&error))
}

/// The limits that are so low that one of them is likely to be the cause.
pub(crate) fn low() -> Option<String> {
    let is_low = |limit: Option<u64>, than| limit.filter(|limit| *limit < than);
    let files = is_low(getrlimit(Resource::Nofile).current, FILES_FEW)
        .map(|files| format!("no more than {files} files may be open (ulimit -n)"));
    let memory = is_low(getrlimit(Resource::As).current, MEMORY_LITTLE)
        .map(|bytes| format!("this process may have {bytes} bytes of memory (ulimit -v)"));
    let low: Vec<_> = files.into_iter().chain(memory).collect();
    (!low.is_empty()).then(|| low.join("; "))
}

/// Says that one of these files can grow no more, if that is so.
pub(crate) fn grown_files(paths: impl IntoIterator<Item = PathBuf>) -> Option<String> {
    let limit = getrlimit(Resource::Fsize).current?;
    let mut sizes = paths.into_iter().filter_map(|path| fs::metadata(path).ok());
    let is_near = sizes.any(|file| file.len().saturating_add(NEAR) > limit);
    is_near.then(file_size)
}

fn file_size() -> String {
    limited("a file may not become larger", FILE_SIZE)
}

fn processes() -> String {
    let what = "no more processes or threads may be started";
    // A thread without room for its stack is refused with the same error.
    if let Some(limit) = getrlimit(Resource::As)
        .current
        .filter(|limit| *limit < MEMORY_LITTLE)
    {
        return format!("{what}: the limit of memory is {limit} bytes (ulimit -v)");
    }
    // Root may start more than its limit says.
    if !rustix::process::geteuid().is_root() && getrlimit(Resource::Nproc).current.is_some() {
        return limited(what, PROCESSES);
    }
    match of_group("pids", "pids.max") {
        Some((limit, group)) => format!("{what}: the limit is {limit} (pids.max of {group})"),
        None => what.to_owned(),
    }
}

fn memory() -> String {
    let what = "there is no more memory";
    if getrlimit(Resource::As).current.is_some() {
        return limited(what, ADDRESSES);
    }
    if getrlimit(Resource::Data).current.is_some() {
        return limited(what, DATA);
    }
    match of_group("memory", "memory.max") {
        Some((limit, group)) => {
            format!("{what}: the limit is {limit} bytes (memory.max of {group})")
        }
        None => what.to_owned(),
    }
}

fn limited(what: &str, (resource, unit, name): Limit) -> String {
    match getrlimit(resource).current {
        Some(limit) => format!("{what}: the limit is {limit}{unit} ({name})"),
        None => what.to_owned(),
    }
}

/// The lowest limit of this name that the control group of this process or one above it has.
fn of_group(controller: &str, name: &str) -> Option<(u64, String)> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let (root, group) = groups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, group) = (fields.next()?, fields.next()?, fields.next()?);
        let root = Path::new("/sys/fs/cgroup");
        if controllers.is_empty() {
            return Some((root.to_owned(), group.to_owned()));
        }
        let mut controllers = controllers.split(',');
        let has_it = controllers.any(|found| found == controller);
        has_it.then(|| (root.join(controller), group.to_owned()))
    })?;
    let limits = Path::new(&group).ancestors().filter_map(|group| {
        let inside = group.strip_prefix("/").unwrap_or(group);
        let limit = fs::read_to_string(root.join(inside).join(name)).ok()?;
        Some((limit.trim().parse().ok()?, group.display().to_string()))
    });
    limits.min_by_key(|(limit, _)| *limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_told_with_its_limit() {
        let told = |errno: Errno| words(&io::Error::from(errno));
        let files = getrlimit(Resource::Nofile).current;
        let files = files.map_or(String::new(), |files| {
            format!(": the limit is {files} (ulimit -n)")
        });
        assert_eq!(
            told(Errno::MFILE),
            format!("no more files may be opened{files}")
        );
        for (errno, expected) in [
            (Errno::AGAIN, "no more processes or threads may be started"),
            (Errno::NOMEM, "there is no more memory"),
            (Errno::FBIG, "a file may not become larger"),
            (Errno::NOSPC, "the disk is full"),
        ] {
            assert!(told(errno).starts_with(expected), "{}", told(errno));
        }
    }

    #[test]
    fn what_is_no_lack_is_told_as_the_system_tells_it() {
        let error = io::Error::from(Errno::ACCESS);
        assert_eq!(of(&error), None);
        assert_eq!(words(&error), error.to_string());
        assert_eq!(of(&io::Error::other("a fault")), None);
    }
}
