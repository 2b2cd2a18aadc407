//! The benchmark of durable jobs still runs: next to nothing of every workload, ours and raw SQLite
//! and Redis; and of the others on Redis, those that a run of the benchmark has built. Its figures
//! mean nothing here.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

#[test]
fn every_workload_in_a_file_gives_figures() {
    let rows = ["--only", "marionette", "--only", "raw"];
    all_give_figures("sqlite", &rows, 10);
}

#[test]
fn every_workload_on_a_server_gives_figures() {
    // A killed process is found dead after its lease: here only the row with the short one.
    all_give_figures("redis", &["R5", "--only", "lease 1 s"], 1);
    let rest = ["R1", "R2", "R3", "R4", "R6", "R7"];
    let rows = ["--only", "marionette", "--only", "raw"];
    all_give_figures("redis", &[&rest[..], &rows].concat(), 9);
}

#[test]
fn the_others_on_a_server_give_figures_once_they_are_built() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("contenders");
    for (name, built) in [
        ("apalis-redis", "release/contender-apalis-redis"),
        ("headgate-redis", "release/contender-headgate-redis"),
        ("rusty-sidekiq", "release/contender-rusty-sidekiq"),
        ("bullmq", "node_modules"),
    ] {
        if target.join(name).join(built).exists() {
            let folder = format!("redis-{name}");
            all_give_figures_in(
                &folder,
                "redis",
                &["R1-one", "R1-64", "R2", "R3", "--only", name],
                4,
            );
        } else {
            eprintln!("SKIPPED: {name} has not been built: `durable --only {name}` does it");
        }
    }
}

#[test]
fn the_program_for_node_names_what_is_wrong_with_an_order() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("contenders/bullmq/main.mjs");
    for (order, what) in [
        ("jump 1 1 default a", "no step is called jump"),
        ("one many 1 default a", "many: no number"),
        ("one 1 1 default", "no file is given"),
    ] {
        let asked = Command::new("node")
            .arg(&script)
            .args(order.split(' '))
            .output();
        let Ok(output) = asked else {
            eprintln!("SKIPPED: there is no node");
            return;
        };
        assert_eq!(output.status.code(), Some(2), "{order}");
        assert_eq!(String::from_utf8_lossy(&output.stderr).trim(), what);
    }
}

fn all_give_figures(store: &str, which: &[&str], count: usize) {
    all_give_figures_in(store, store, which, count);
}

fn all_give_figures_in(folder: &str, store: &str, which: &[&str], count: usize) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    let output = Command::new(env!("CARGO_BIN_EXE_durable"))
        .args(["--smoke", "--json", "--store", store])
        .args(which)
        .arg("--folder")
        .arg(folder)
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    if said.contains("SKIPPED") {
        eprint!("{said}");
        return;
    }

    let report: Value = serde_json::from_slice(&output.stdout).expect("the report is JSON");
    let tables = report["tables"].as_array().expect("it has tables");
    assert_eq!(tables.len(), count);
    for table in tables {
        for row in table["rows"].as_array().expect("a table has rows") {
            assert!(
                row["figures"].is_object(),
                "{}: {row}\n{said}",
                table["workload"]
            );
        }
    }
}
