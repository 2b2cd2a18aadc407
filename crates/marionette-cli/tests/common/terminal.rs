//! A terminal on which the program shows what it does.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Runs a program on a terminal of so many rows and columns, and passes on what it writes, as it
/// comes, with every escape sequence.
pub(crate) fn run(command: &mut Command, size: (u16, u16), mut shows: impl FnMut(&[u8])) {
    let (mut child, mut master) = start(command, size);
    let mut bytes = [0; 4096];
    // The read ends with an error once nobody has the other side any more.
    while let Ok(count @ 1..) = master.read(&mut bytes) {
        shows(&bytes[..count]);
    }
    child.wait().expect("it ends");
}

/// Starts a program on a terminal of so many rows and columns, and returns the side from which is
/// read what it writes.
pub(crate) fn start(command: &mut Command, size: (u16, u16)) -> (Child, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there are terminals");
    grantpt(&master).expect("it is ours");
    unlockpt(&master).expect("it is ours");
    let (ws_row, ws_col) = size;
    let size = Winsize {
        ws_row,
        ws_col,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&master, size).expect("it is a terminal");
    let name = ptsname(&master, Vec::new())
        .expect("it has a name")
        .into_string();
    let name = name.expect("it is text");
    let slave: OwnedFd = OpenOptions::new()
        .read(true)
        .write(true)
        .open(name)
        .expect("it can be opened")
        .into();
    let copy = || Stdio::from(slave.try_clone().expect("it can be shared"));
    command.stdout(copy()).stderr(copy()).env("TERM", "xterm");
    let child = command.spawn().expect("it starts");
    // Nobody here may hold the other side any more, or the reading would not end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    (child, File::from(master))
}
