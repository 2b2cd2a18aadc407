//! `marionette doctor` on a server.

use serde_json::Value;

use crate::{Machine, server};

#[test]
fn the_doctor_says_what_somebody_has_damaged_by_hand() {
    let Some(server) = server() else { return };
    let machine = Machine::new(&server);
    machine.succeeds(&["add", "--name", "first", "true"]);
    machine.succeeds(&["add", "--name", "second", "--delay", "1h", "true"]);
    machine.succeeds(&["work", "--once"]);
    let sound = machine.succeeds(&["doctor"]);
    assert!(sound.contains("1 waiting, 0 running, 1 ended"), "{sound}");
    assert!(sound.contains("Damage     none"), "{sound}");
    assert!(!sound.contains("hush"), "{sound}");
    assert_eq!(machine.succeeds(&["doctor", "--quiet"]), "");

    let list = machine.succeeds(&["list", "--state", "scheduled", "--json"]);
    let task: Value = serde_json::from_str(&list).unwrap();
    let id = task["id"].as_str().unwrap();
    server.command(&["DEL", "{marionette}:waiting"]);
    let said = machine.run(&["doctor"]);
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(
        said.out
            .contains(&format!("task {id} neither waits, nor runs")),
        "{said:?}"
    );
    let said = machine.run(&["doctor", "--json"]);
    assert_eq!(said.status, Some(1), "{said:?}");
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&told["clean"], &told["kind"]),
        (&false.into(), &"redis".into())
    );
    let mut faults = told["faults"].as_array().unwrap().iter();
    assert!(faults.any(|fault| fault["task"] == id), "{told}");
    assert!(!said.out.contains("hush"), "{said:?}");
}

#[test]
fn the_doctor_names_a_key_that_somebody_has_replaced_by_one_of_another_type() {
    let Some(server) = server() else { return };
    let machine = Machine::new(&server);
    machine.succeeds(&["add", "true"]);
    for key in ["waiting", "instances"] {
        server.command(&["SET", &format!("{{marionette}}:{key}"), "text"]);
        let said = machine.run(&["doctor"]);
        assert_eq!(said.status, Some(1), "{said:?}");
        let found = format!("the key `{{marionette}}:{key}` is of another type");
        assert!(said.out.contains(&found), "{said:?}");
        assert!(
            said.out.contains("Tasks      cannot be counted"),
            "{said:?}"
        );
    }
    let said = machine.run(&["doctor", "--json"]);
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&told["clean"], &told["tasks"]),
        (&false.into(), &Value::Null)
    );
    assert_eq!(told["faults"].as_array().unwrap().len(), 2, "{told}");
    // Without its names a store cannot be opened.
    server.command(&["SET", "{marionette}:names", "text"]);
    let said = machine.run(&["doctor"]);
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(
        said.err.contains("the key `{marionette}:names` on"),
        "{said:?}"
    );
}
