//! The benchmark of durable jobs still runs: next to nothing of every workload, ours and raw
//! SQLite. Its figures mean nothing here.

use std::process::Command;

use serde_json::Value;

#[test]
fn every_durable_workload_gives_figures() {
    let output = Command::new(env!("CARGO_BIN_EXE_durable"))
        .args(["--smoke", "--json", "--only", "marionette", "--only", "raw"])
        .args(["--folder", env!("CARGO_TARGET_TMPDIR")])
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");

    let report: Value = serde_json::from_slice(&output.stdout).expect("the report is JSON");
    let tables = report["tables"].as_array().expect("it has tables");
    assert_eq!(tables.len(), 10);
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
