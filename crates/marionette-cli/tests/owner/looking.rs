//! A verb that only looks says whose the store is, goes on, waits for nothing and changes nothing.

use std::fs;

use crate::town::{ADA, LOOKING, MALLORY, ROOT, Town, file, link, pipe};

#[test]
fn a_look_at_a_store_of_somebody_else_is_a_warning() {
    let Some(town) = Town::new() else { return };
    town.add(MALLORY);
    for verb in LOOKING {
        let said = town.run(ROOT, verb);
        assert_eq!(said.status, Some(0), "{verb:?}: {said:?}");
        assert!(said.err.contains("user 71001"), "{verb:?}: {said:?}");
        let trusted = town.run(ROOT, &[verb, &["--trust-owner"][..]].concat());
        assert!(!trusted.err.contains("user 71001"), "{verb:?}: {trusted:?}");
    }
}

#[test]
fn a_look_at_ones_own_store_says_nothing_of_owners() {
    let Some(town) = Town::new() else { return };
    town.add(ADA);
    for verb in LOOKING {
        let said = town.run(ADA, verb);
        assert_eq!(said.status, Some(0), "{verb:?}: {said:?}");
        assert!(!said.err.contains("71002"), "{verb:?}: {said:?}");
    }
}

#[test]
fn what_is_planted_beside_a_store_makes_no_look_hang_or_write() {
    let all = [
        "-wal", "-shm", "-journal", "-workers", "-output", "-minders", "-runs",
    ];
    for ending in all {
        for is_pipe in [false, true] {
            let Some(town) = Town::new() else { return };
            town.add(ADA);
            let victim = town.path("square/victim");
            file(&victim, ADA, "precious");
            let path = town.store(ending);
            let _ = fs::remove_file(&path);
            let _ = fs::remove_dir_all(&path);
            if is_pipe {
                pipe(&path, MALLORY);
            } else {
                link(&victim, &path, MALLORY);
            }
            for verb in LOOKING {
                let said = town.run(ADA, verb);
                assert!(said.err.contains(ending), "{verb:?}: {said:?}");
                // SQLite needs its own files; without the others it is looked all the same.
                let needed = match verb[0] {
                    "follow" => &["-wal", "-shm", "-journal", "-output"][..],
                    _ => &["-wal", "-shm", "-journal"],
                };
                let expected = if needed.contains(&ending) { 2 } else { 0 };
                assert_eq!(said.status, Some(expected), "{ending}: {verb:?}: {said:?}");
            }
            assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        }
    }
}

#[test]
fn a_look_writes_no_log_of_a_stranger_into_a_store() {
    for ending in ["-wal", "-journal", "-shm"] {
        let Some(town) = Town::new() else { return };
        town.add(ADA);
        // What he would like to see in it: a log that he has made of a store like hers.
        let _ = fs::remove_file(town.store(ending));
        file(&town.store(ending), MALLORY, "planted");
        let before = fs::read(town.store("")).unwrap();
        for user in [ADA, ROOT] {
            for verb in LOOKING {
                let said = town.run(user, verb);
                assert_eq!(said.status, Some(2), "{verb:?}: {said:?}");
                assert!(said.err.contains(ending), "{verb:?}: {said:?}");
                assert!(said.err.contains("user 71001"), "{verb:?}: {said:?}");
            }
        }
        assert_eq!(fs::read(town.store(ending)).unwrap(), b"planted");
        assert!(fs::read(town.store("")).unwrap() == before);
    }
}

#[test]
fn what_is_planted_in_the_folders_makes_no_look_hang() {
    let Some(town) = Town::new() else { return };
    let id = town.add(ADA);
    assert_eq!(town.run(ADA, &["run", "tasks.txt"]).status, Some(0));
    let secret = town.path("square/secret");
    file(&secret, ADA, "precious");
    let output = town.output(&id);
    pipe(&output.join("1.log"), MALLORY);
    link(&secret, &output.join("2.log"), MALLORY);
    file(&output.join("3.log"), ADA, "what it wrote");
    for name in ["4.tail", "0123.json", "0123.lock", "0123.order"] {
        pipe(&town.store("-runs").join(name), MALLORY);
        pipe(&town.store("-workers").join(name), MALLORY);
    }
    for verb in LOOKING {
        let said = town.run(ADA, verb);
        assert!(!said.out.contains("precious"), "{verb:?}: {said:?}");
        match verb[0] {
            "show" => {
                assert!(said.out.contains("what it wrote"), "{said:?}");
                assert!(said.err.contains("1.log is not a regular file"), "{said:?}");
            }
            "follow" => assert!(said.err.contains("1.log"), "{said:?}"),
            _ => assert_eq!(said.status, Some(0), "{verb:?}: {said:?}"),
        }
    }
}
