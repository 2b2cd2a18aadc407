//! What another user has planted is refused by every verb that runs or writes, before anything is
//! run, written or made.

use std::fs;
use std::path::Path;

use crate::town::{ADA, CHANGING, MALLORY, ROOT, SHARED, Town, file, give_group, link, mode, pipe};

/// Every verb refuses to go on as this user, names each of these, and leaves all as it is.
fn all_refuse(town: &Town, user: u32, named: &[&str]) {
    let before = town.square();
    for verb in CHANGING {
        let said = town.run(user, verb);
        assert_eq!(said.status, Some(2), "{verb:?}: {said:?}");
        for name in named {
            assert!(said.err.contains(name), "{name}: {verb:?}: {said:?}");
        }
        let after = town.square();
        assert!(before == after, "{verb:?} changed something: {after:#?}");
    }
    assert_eq!(town.ran(), "", "nothing has run");
}

const HIS: &str = "user 71001";
const WAY_OUT: &str = "--trust-owner";

#[test]
fn a_store_of_somebody_else_is_refused_and_can_be_trusted() {
    let Some(town) = Town::new() else { return };
    town.add(MALLORY);
    all_refuse(&town, ADA, &["t.db: ", HIS, WAY_OUT]);
    all_refuse(&town, ROOT, &["t.db: ", HIS, WAY_OUT]);
    let trusting = town.run(ROOT, &["work", "--once", "--trust-owner"]);
    assert_eq!(trusting.status, Some(0), "{trusting:?}");
    assert_eq!(town.ran(), "0\n");
}

#[test]
fn files_that_somebody_else_has_put_beside_a_store_are_refused() {
    for ending in ["-wal", "-shm", "-journal"] {
        let Some(town) = Town::new() else { return };
        town.add(ADA);
        let path = town.store(ending);
        let _ = fs::remove_file(&path);
        file(&path, MALLORY, "planted");
        all_refuse(&town, ADA, &[ending, HIS, WAY_OUT]);
    }
}

#[test]
fn folders_that_somebody_else_has_put_beside_a_store_are_refused() {
    for ending in ["-workers", "-output", "-minders", "-runs"] {
        let Some(town) = Town::new() else { return };
        town.add(ADA);
        let path = town.store(ending);
        let _ = fs::remove_dir_all(&path);
        town.folder(&format!("square/t.db{ending}"), MALLORY, 0o777);
        all_refuse(&town, ADA, &[ending, HIS, WAY_OUT]);
    }
}

#[test]
fn they_are_refused_also_before_there_is_a_store() {
    for ending in ["-wal", "-journal", "-output", "-runs"] {
        let Some(town) = Town::new() else { return };
        file(&town.store(ending), MALLORY, "planted");
        let before = town.square();
        for verb in [["add", "true"], ["work", "--once"], ["run", "tasks.txt"]] {
            let said = town.run(ADA, &verb);
            assert_eq!(said.status, Some(2), "{verb:?}: {said:?}");
            assert!(said.err.contains(HIS), "{said:?}");
            assert!(before == town.square(), "{verb:?}");
        }
    }
}

#[test]
fn links_and_pipes_are_refused_whoever_has_put_them_there() {
    let all = [
        "-wal", "-shm", "-journal", "-workers", "-output", "-minders", "-runs",
    ];
    for ending in all {
        for user in [MALLORY, ADA] {
            for is_pipe in [false, true] {
                let Some(town) = Town::new() else { return };
                town.add(ADA);
                let path = town.store(ending);
                let _ = fs::remove_file(&path);
                let _ = fs::remove_dir_all(&path);
                let victim = town.path("square/victim");
                file(&victim, ADA, "precious");
                if is_pipe {
                    pipe(&path, user);
                } else {
                    link(&victim, &path, user);
                }
                // One verb is enough: all others are tried with what is not ours.
                let before = town.square();
                let said = town.run(ADA, &["work", "--once"]);
                assert_eq!(said.status, Some(2), "{said:?}");
                assert!(said.err.contains(ending), "{said:?}");
                assert!(before == town.square());
                // To trust somebody is not to follow a link.
                let said = town.run(ADA, &["work", "--once", "--trust-owner"]);
                assert_eq!(said.status, Some(2), "{ending}: {said:?}");
                assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
            }
        }
    }
}

#[test]
fn a_folder_in_which_others_can_swap_files_is_refused() {
    for (owner, group, bits) in [
        (ROOT, ROOT, 0o777),
        (ADA, ADA, 0o777),
        (ROOT, SHARED, 0o2775),
        (ADA, SHARED, 0o2775),
        (MALLORY, MALLORY, 0o1777),
        (MALLORY, MALLORY, 0o755),
    ] {
        let Some(town) = Town::new() else { return };
        town.add(ADA);
        let square = town.path("square");
        std::os::unix::fs::chown(&square, Some(owner), Some(group)).unwrap();
        mode(&square, bits);
        all_refuse(&town, ADA, &["square: ", WAY_OUT]);
    }
}

#[test]
fn a_folder_far_above_is_looked_at_too() {
    let Some(town) = Town::new() else { return };
    town.folder("hers", MALLORY, 0o755);
    town.folder("hers/deep", ADA, 0o700);
    for store in ["hers/deep/t.db", "hers/deep/to/be/made/t.db"] {
        let said = town.run_on(store, ADA, &["add", "true"]);
        assert_eq!(said.status, Some(2), "{said:?}");
        assert!(said.err.contains("/hers: "), "{said:?}");
        assert!(said.err.contains(HIS), "{said:?}");
    }
    assert_eq!(fs::read_dir(town.path("hers/deep")).unwrap().count(), 0);
}

#[test]
fn what_others_may_write_is_refused() {
    for (ending, bits) in [
        ("", 0o666),
        ("", 0o602),
        ("-output", 0o777),
        ("-workers", 0o1777),
        ("-runs", 0o703),
    ] {
        let Some(town) = Town::new() else { return };
        town.add(ADA);
        let path = town.store(ending);
        if !path.exists() {
            town.folder(&format!("square/t.db{ending}"), ADA, 0o700);
        }
        mode(&path, bits);
        all_refuse(&town, ADA, &["everybody", "chmod go-w", WAY_OUT]);
    }
    let Some(town) = Town::new() else { return };
    town.add(ADA);
    give_group(&town.store(""), SHARED);
    mode(&town.store(""), 0o660);
    all_refuse(&town, ADA, &["the group 71100", WAY_OUT]);
}

#[test]
fn a_link_of_somebody_else_leads_to_no_store() {
    let Some(town) = Town::new() else { return };
    let own = town.folder("ada", ADA, 0o700);
    assert_eq!(
        town.run_on("ada/own.db", ADA, &["add", "true"]).status,
        Some(0)
    );
    link(&own.join("own.db"), &town.store(""), MALLORY);
    all_refuse(&town, ADA, &["t.db: ", "symbolic link", HIS]);
    fs::remove_file(town.store("")).unwrap();
    link(&own.join("own.db"), &town.store(""), ADA);
    assert_eq!(town.run(ADA, &["add", "true"]).status, Some(0), "her own");
}

#[test]
fn a_second_name_of_a_log_is_refused() {
    let Some(town) = Town::new() else { return };
    town.add(ADA);
    let other = town.path("square/other");
    file(&other, ADA, "");
    let _ = fs::remove_file(town.store("-wal"));
    fs::hard_link(&other, town.store("-wal")).unwrap();
    all_refuse(&town, ADA, &["-wal: ", "2 names"]);
}

#[test]
fn a_lock_of_a_worker_that_is_somebody_elses_is_refused() {
    let Some(town) = Town::new() else { return };
    town.add(ADA);
    let workers = town.store("-workers");
    if !workers.exists() {
        town.folder("square/t.db-workers", ADA, 0o700);
    }
    file(
        &workers.join("01a2280a-03e2-7309-8c27-24f19d260dc7"),
        MALLORY,
        "",
    );
    all_refuse(&town, ADA, &["-workers/01a2280a", HIS]);
}

#[test]
fn root_works_on_no_store_of_a_user_and_on_none_in_a_users_folder() {
    let Some(town) = Town::new() else { return };
    town.add(ADA);
    all_refuse(&town, ROOT, &["user 71002", WAY_OUT]);
    town.folder("ada", ADA, 0o755);
    let said = town.run_on("ada/t.db", ROOT, &["add", "true"]);
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(said.err.contains("/ada: "), "{said:?}");
    let said = town.run_on("ada/t.db", ROOT, &["--trust-owner", "add", "true"]);
    assert_eq!(said.status, Some(0), "{said:?}");
}

#[test]
fn a_unit_runs_a_store_of_somebody_else_only_if_that_is_wanted() {
    let Some(town) = Town::new() else { return };
    town.add(ADA);
    let unit = town.run(ROOT, &["unit", "--trust-owner"]);
    assert_eq!(unit.status, Some(0), "{unit:?}");
    assert!(unit.out.contains(" --trust-owner"), "{unit:?}");
    assert!(!town.run(ADA, &["unit"]).out.contains("--trust-owner"));
    assert!(Path::new(&town.store("")).exists());
}
