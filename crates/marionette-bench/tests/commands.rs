//! The benchmark of commands still runs: a few of them, by everybody who is installed. Its figures
//! mean nothing here.

use std::process::Command;

use serde_json::Value;

#[test]
fn everybody_who_is_installed_runs_commands() {
    let output = Command::new(env!("CARGO_BIN_EXE_commands"))
        .args(["--smoke", "--json", "--only", "xargs", "--only", "loop"])
        .args(["--folder", env!("CARGO_TARGET_TMPDIR")])
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");

    let report: Value = serde_json::from_slice(&output.stdout).expect("the report is JSON");
    let rows = report["tables"][0]["rows"].as_array().expect("it has rows");
    assert_eq!(rows.len(), 3);
    for row in rows {
        let seconds = row["figures"]["seconds"]["median"].as_f64();
        assert!(
            seconds.is_some_and(|seconds| seconds > 0.0),
            "{row}\n{said}"
        );
    }
}
