//! What is usual is not refused.

use std::fs;

use crate::town::{ADA, ROOT, Town, ended, file, give, link, mode};

fn works(town: &Town, store: &str, user: u32) {
    for verb in [
        &["add", "true"][..],
        &["run", "tasks.txt"],
        &["work", "--once"],
        &["list"],
        &["unit"],
    ] {
        let said = town.run_on(store, user, verb);
        assert_eq!(said.status, Some(0), "{store}: {verb:?}: {said:?}");
        assert!(!said.err.contains("trust"), "{store}: {verb:?}: {said:?}");
        assert!(
            !said.err.contains("can change"),
            "{store}: {verb:?}: {said:?}"
        );
    }
}

#[test]
fn a_home_that_a_group_of_one_may_write_is_fine() {
    let Some(town) = Town::new() else { return };
    for (name, bits) in [("open", 0o775), ("usual", 0o755), ("closed", 0o700)] {
        town.folder(name, ADA, bits);
        works(&town, &format!("{name}/t.db"), ADA);
        works(&town, &format!("{name}/to/be/made/t.db"), ADA);
    }
    mode(&town.path("open/t.db"), 0o664);
    works(&town, "open/t.db", ADA);
}

#[test]
fn a_sticky_folder_for_all_is_fine() {
    let Some(town) = Town::new() else { return };
    works(&town, "square/ada.db", ADA);
    works(&town, "square/root.db", ROOT);
    mode(&town.path("square"), 0o3777);
    works(&town, "square/again.db", ADA);
}

#[test]
fn a_folder_of_root_in_which_one_has_a_folder_is_fine() {
    let Some(town) = Town::new() else { return };
    town.folder("srv", ROOT, 0o755);
    town.folder("srv/app", ADA, 0o750);
    works(&town, "srv/app/t.db", ADA);
}

#[test]
fn links_of_root_and_of_ones_own_are_fine() {
    let Some(town) = Town::new() else { return };
    town.folder("private", ROOT, 0o755);
    town.folder("private/tmp", ROOT, 0o1777);
    link("private/tmp".as_ref(), &town.path("tmp"), ROOT);
    works(&town, "tmp/t.db", ADA);
    town.folder("home", ADA, 0o755);
    link(&town.path("private/tmp"), &town.path("home/way"), ADA);
    works(&town, "home/way/other.db", ADA);
    link(
        "../tmp/../tmp/third.db".as_ref(),
        &town.path("home/t.db"),
        ADA,
    );
    let made = town.run_on("tmp/third.db", ADA, &["add", "true"]);
    assert_eq!(made.status, Some(0), "{made:?}");
    works(&town, "home/t.db", ADA);
}

#[test]
fn a_store_that_is_named_from_where_one_is_is_fine() {
    let Some(town) = Town::new() else { return };
    let home = town.folder("home", ADA, 0o700);
    for store in ["sqlite:t.db", "sqlite:./a/../t.db", "sqlite:../home/t.db"] {
        let mut command = town.command(ADA, &["--store", store, "add", "true"]);
        command.current_dir(&home);
        let _ = fs::create_dir(home.join("a"));
        give(&home.join("a"), ADA);
        let said = ended(command.spawn().unwrap(), store);
        assert_eq!(said.status, Some(0), "{store}: {said:?}");
    }
}

#[test]
fn files_that_root_has_left_are_fine() {
    let Some(town) = Town::new() else { return };
    town.add(ADA);
    // As root has them who has looked at the store.
    file(&town.store("-journal"), ROOT, "");
    let said = town.run(ADA, &["add", "true"]);
    assert_eq!(said.status, Some(0), "{said:?}");
}
