//! The benchmark of durable jobs still runs: next to nothing of every workload, ours and raw SQLite
//! and Redis. Its figures mean nothing here.

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

fn all_give_figures(store: &str, which: &[&str], count: usize) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(store);
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
