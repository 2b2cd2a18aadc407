//! What would be run: for a person to look at and to paste, or for a program.

use std::env;

use serde_json::{Map, Value, json};

use crate::command::{Text, Veil, What};
use crate::console::Console;
use crate::input::{File, Task};

/// Prints the command of each task of a list.
pub(super) fn tell(file: &File, console: &Console) {
    let here = env::current_dir().unwrap_or_default();
    for task in &file.tasks {
        if console.json {
            console.value(&value(task));
        } else {
            console.result(&task.command.typed(&here));
        }
    }
}

fn value(task: &Task) -> Value {
    let command = &task.command;
    let veil = Veil::stored(command);
    let plain = |text: &Text| plain(text, &veil);
    let mut value = Map::new();
    match &command.what {
        What::Run(line) => value.insert("run".to_owned(), json!(veil.over(line))),
        What::Command(words) => {
            let words: Vec<_> = words.iter().map(plain).collect();
            value.insert("command".to_owned(), json!(words))
        }
    };
    let name = task.name.as_deref().map(|name| veil.over(name));
    value.insert("name".to_owned(), json!(name));
    value.insert("cwd".to_owned(), json!(command.cwd));
    let env = command
        .env
        .iter()
        .map(|(name, text)| (name.clone(), plain(text)));
    value.insert("env".to_owned(), env.collect());
    Value::Object(value)
}

/// The text; `***` in place of a secret.
fn plain(text: &Text, veil: &Veil) -> Value {
    match text {
        Text::Plain(text) => json!(veil.over(text)),
        Text::Secret(_) | Text::From(_) => json!("***"),
    }
}
