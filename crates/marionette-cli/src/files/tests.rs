//! What folders and files of ours refuse, keep and leave alone.

use std::ffi::OsStr;
use std::fs as files;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::folder::temporary;
use super::*;

fn folder() -> (tempfile::TempDir, Folder) {
    let around = tempfile::tempdir().unwrap();
    let folder = Place::new(around.path().join("ours"), Whose::Ours);
    assert!(folder.open().unwrap().is_none());
    let folder = folder.make().unwrap();
    (around, folder)
}

fn mode(path: &Path) -> u32 {
    files::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn what_is_made_is_for_its_owner_alone() {
    let (around, folder) = folder();
    drop(folder.new_file("file").unwrap());
    folder
        .replace("note", |file| file.write_all(b"it"))
        .unwrap();
    drop(folder.open_or_new("lock").unwrap());
    let deep = Place::new(around.path().join("ours"), Whose::Ours).below("a/b");
    deep.make().unwrap();
    for made in ["file", "note", "lock"] {
        assert_eq!(mode(&folder.path().join(made)), 0o600, "{made}");
    }
    for made in ["", "a", "a/b"] {
        assert_eq!(mode(&folder.path().join(made)), 0o700, "{made}");
    }
    assert_eq!(folder.read_all("note").unwrap().unwrap(), b"it");
    assert_eq!(folder.names().unwrap().len(), 4, "no other file is left");
}

#[test]
fn no_link_is_followed_and_nothing_blocks() {
    let (around, folder) = folder();
    let victim = around.path().join("victim");
    files::write(&victim, "precious").unwrap();
    let ours = |name: &str| folder.path().join(name);
    symlink(&victim, ours("link")).unwrap();
    symlink(around.path(), ours("way")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(ours("pipe"))
        .status();
    assert!(made.unwrap().success());
    files::create_dir(ours("folder")).unwrap();
    files::hard_link(&victim, ours("twin")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(ours("socket")).unwrap();
    for name in ["link", "pipe", "folder", "twin", "socket"] {
        let refused = |result: Option<io::Error>| {
            let error = result.unwrap_or_else(|| panic!("{name} was opened"));
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{name}: {error}");
            assert!(error.to_string().contains(name), "{error}");
        };
        refused(folder.read(name).err());
        refused(folder.stat(name).err());
        folder.open_or_new(name).unwrap_err();
        assert!(folder.new_file(name).is_err());
    }
    assert!(folder.folder("way").is_err());
    assert!(folder.make_folder("pipe").is_err());
    for name in ["link", "pipe", "twin", "socket"] {
        let mut file = folder.new_file_instead(name).unwrap();
        file.write_all(b"new").unwrap();
        let mut read = String::new();
        let mut file = folder.read(name).unwrap().unwrap();
        file.read_to_string(&mut read).unwrap();
        assert_eq!(read, "new");
    }
    symlink(&victim, ours("note")).unwrap();
    folder
        .replace("note", |file| file.write_all(b"new"))
        .unwrap();
    assert_eq!(files::read(&victim).unwrap(), b"precious");
}

#[test]
fn a_place_is_called_as_it_was_named() {
    let place = Place::new("/a/b", Whose::Ours);
    assert_eq!(place.path().as_os_str(), "/a/b");
    assert_eq!(place.below("c/d").path().as_os_str(), "/a/b/c/d");
}

#[test]
fn what_a_killed_process_has_left_is_removed() {
    let (_around, folder) = folder();
    drop(folder.new_file(temporary(OsStr::new("note"))).unwrap());
    drop(folder.new_file(temporary(OsStr::new("another"))).unwrap());
    folder.tidy("note").unwrap();
    assert_eq!(folder.names().unwrap().len(), 1);
}
