//! The file of the store is removed while the program works on it.

mod common;

use common::{Sandbox, processes_with, said, until};

#[test]
fn who_works_on_a_file_that_is_removed_says_so_and_ends() {
    for arguments in [["run", "tasks.txt"].as_slice(), &["work", "-j", "1"]] {
        let sandbox = Sandbox::new();
        sandbox.write("tasks.txt", "echo >> begun; sleep 300\n");
        if arguments[0] == "work" {
            let added = sandbox.run(&["add", "echo >> begun; sleep 300"]);
            assert_eq!(added.status, Some(0), "{added:?}");
        }
        let child = sandbox.start(arguments);
        until("it has begun", || !sandbox.read("begun").is_empty());
        std::fs::remove_file(sandbox.path("tasks.db")).expect("it is there");
        let said = said(child.wait_with_output().expect("it ends"));
        assert_eq!(said.status, Some(2), "{said:?}");
        assert!(said.err.contains("the file is gone"), "{said:?}");
        until("nothing of it is left", || {
            processes_with(&sandbox.store()).is_empty()
        });
    }
}

#[test]
fn who_works_beside_a_log_that_is_removed_says_so_and_ends() {
    for lost in ["tasks.db-wal", "tasks.db-shm"] {
        let sandbox = Sandbox::new();
        let added = sandbox.run(&["add", "echo >> begun; sleep 300"]);
        assert_eq!(added.status, Some(0), "{added:?}");
        let child = sandbox.start(&["work", "-j", "1"]);
        until("it has begun", || !sandbox.read("begun").is_empty());
        std::fs::remove_file(sandbox.path(lost)).expect("it is there");
        let said = said(child.wait_with_output().expect("it ends"));
        assert_eq!(said.status, Some(2), "{said:?}");
        assert!(said.err.contains("write-ahead log"), "{said:?}");
        assert!(said.err.contains(lost), "{said:?}");
        let listed = sandbox.run(&["list"]);
        assert!(
            listed.out.contains("begun"),
            "what was accepted is there: {listed:?}"
        );
    }
}
