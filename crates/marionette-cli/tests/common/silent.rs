//! A file system that does not answer, until it is told to, as one of a network whose server is
//! gone.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount,
};
use rustix::thread::UnshareFlags;

/// What is in its only file, `program`.
const PROGRAM: &str = "#!/bin/sh\necho ran >> log\n";

/// What it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    Nothing,
    /// What is there, and what not. Nothing is read, and nothing is made.
    Names,
    All,
}

/// It is mounted for as long as this lives, for this thread and what that starts.
#[derive(Debug)]
pub(crate) struct Silent {
    folder: PathBuf,
    server: Arc<Server>,
}

#[derive(Debug)]
struct Server {
    device: File,
    state: Mutex<(Answers, Vec<Request>)>,
}

#[derive(Debug)]
struct Request {
    operation: u32,
    unique: [u8; 8],
    /// What is behind the header.
    body: Vec<u8>,
    node: u64,
}

thread_local! {
    static HAS_OWN: Cell<bool> = const { Cell::new(false) };
}

/// Gives this thread, and what it starts from now on, mounts of its own, which are gone with them
/// however a test ends. If that is not permitted, it says so.
fn own_mounts() -> bool {
    if HAS_OWN.get() {
        return true;
    }
    #[allow(deprecated)] // What is said against it is about descriptors, which stay shared.
    let own = rustix::thread::unshare(UnshareFlags::NEWNS);
    let flags = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    let own = own.and_then(|()| mount_change("/", flags));
    if let Err(error) = own {
        eprintln!("SKIPPED: nothing may be mounted here, so no file system hangs: {error}");
        return false;
    }
    HAS_OWN.set(true);
    true
}

impl Silent {
    /// Nothing, and that is said, where it is not permitted.
    pub(crate) fn mount(folder: &Path, answers: Answers) -> Option<Self> {
        fs::create_dir_all(folder).expect("it can be made");
        let device = File::options().read(true).write(true).open("/dev/fuse");
        let Ok(device) = device else {
            eprintln!("SKIPPED: /dev/fuse may not be used, so no file system hangs");
            return None;
        };
        if !own_mounts() {
            return None;
        }
        let fd = device.as_raw_fd();
        let options = format!("fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other");
        let options = std::ffi::CString::new(options).expect("it has no zero byte");
        let none = MountFlags::empty();
        let mounted = mount("silent", folder, "fuse", none, &*options);
        if let Err(error) = mounted {
            eprintln!("SKIPPED: no file system can be mounted, so none hangs: {error}");
            return None;
        }
        let state = Mutex::new((answers, Vec::new()));
        let server = Arc::new(Server { device, state });
        let serving = Arc::clone(&server);
        std::thread::spawn(move || serving.serve());
        let folder = folder.to_owned();
        Some(Self { folder, server })
    }

    /// From now on it answers this, also what it was asked before.
    pub(crate) fn answer(&self, answers: Answers) {
        let waiting = {
            let mut state = self.server.state();
            state.0 = answers;
            std::mem::take(&mut state.1)
        };
        for request in waiting {
            self.server.hear(request);
        }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder
            .join(name)
            .to_str()
            .expect("it is text")
            .to_owned()
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // What waits for an answer gets an error.
        let flags = UnmountFlags::FORCE | UnmountFlags::DETACH;
        unmount(&self.folder, flags).expect("it was mounted");
    }
}

impl Server {
    fn state(&self) -> std::sync::MutexGuard<'_, (Answers, Vec<Request>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until it is unmounted.
    fn serve(&self) {
        let mut bytes = vec![0; 1024 * 1024];
        while let Ok(length) = (&self.device).read(&mut bytes) {
            let number = |at: usize| bytes[at..at + 8].try_into().expect("it has 8 bytes");
            self.hear(Request {
                operation: u32::from_ne_bytes(bytes[4..8].try_into().expect("it has 4 bytes")),
                unique: number(8),
                node: u64::from_ne_bytes(number(16)),
                body: bytes[40..length].to_vec(),
            });
        }
    }

    /// Operations have the numbers of `linux/fuse.h`.
    fn hear(&self, request: Request) {
        const FORGOTTEN: [u32; 3] = [2, 36, 42];
        const INIT: u32 = 26;
        const MAKES_OR_READS: [u32; 6] = [8, 9, 15, 16, 35, 28];
        if FORGOTTEN.contains(&request.operation) {
            return;
        }
        {
            let mut state = self.state();
            let is_held = match state.0 {
                Answers::Nothing => request.operation != INIT,
                Answers::Names => MAKES_OR_READS.contains(&request.operation),
                Answers::All => false,
            };
            if is_held {
                return state.1.push(request);
            }
        }
        let (error, body) = match (request.operation, request.node) {
            (1, _) if request.body == b"program\0" => (0, [valid(40, 2), attributes(2)].concat()),
            (1, _) => (-2, Vec::new()),
            (3, node) => (0, [valid(16, 0), attributes(node)].concat()),
            (14 | 27, _) => (0, vec![0; 16]),
            (15, _) => (0, PROGRAM.as_bytes().to_vec()),
            (18 | 25 | 29, _) => (0, Vec::new()),
            (INIT, _) => (0, init()),
            _ => (-38, Vec::new()),
        };
        let length = u32::try_from(16 + body.len()).expect("it is short");
        let mut answer = length.to_ne_bytes().to_vec();
        answer.extend(i32::to_ne_bytes(error));
        answer.extend(request.unique);
        answer.extend(body);
        // An error says that nobody waits for it any more.
        let _ = (&self.device).write(&answer);
    }
}

/// How long an answer holds, not at all, for this node, in so many bytes.
fn valid(bytes: usize, node: u64) -> Vec<u8> {
    let mut valid = node.to_ne_bytes().to_vec();
    valid.resize(bytes, 0);
    valid
}

/// The root is a folder, and everything else is the program.
fn attributes(node: u64) -> Vec<u8> {
    let (mode, bytes): (u32, u64) = match node {
        1 => (0o040_755, 0),
        _ => (0o100_755, PROGRAM.len() as u64),
    };
    let mut attributes = [node, bytes, 1, 0, 0, 0].map(u64::to_ne_bytes).concat();
    let rest = [0, 0, 0, mode, 1, 0, 0, 0, 4096, 0];
    attributes.extend(rest.map(u32::to_ne_bytes).concat());
    attributes
}

/// Version 7.31, with nothing that is optional.
fn init() -> Vec<u8> {
    let mut init = [7, 31, 65536, 0].map(u32::to_ne_bytes).concat();
    init.extend([16, 12].map(u16::to_ne_bytes).concat());
    init.extend([65536, 1].map(u32::to_ne_bytes).concat());
    init.resize(64, 0);
    init
}
