//! A job goes through the SQLite store with the oldest rusqlite that it allows.

use std::error::Error;

use marionette::{Context, Job, TaskManager};
use marionette_sqlite::SqliteStore;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Double(u32);

impl Job for Double {
    const KIND: &'static str = "double";
    type Output = u32;
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("marionette-oldest-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let tasks = TaskManager::builder()
        .store(SqliteStore::open(folder.join("tasks.db")).await?)
        .handle(async |Double(number): Double, _: Context| Ok(2 * number))
        .build()?;
    tasks.start();
    assert_eq!(tasks.queue(Double(21)).await?.await?, 42);
    println!("{}", tasks.stop().await);
    std::fs::remove_dir_all(&folder)?;
    println!("SQLite {} works", marionette_sqlite::rusqlite::version());
    Ok(())
}
