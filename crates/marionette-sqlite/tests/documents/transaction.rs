//! A job within a transaction of the service.

use std::error::Error;

use marionette::{Job, wrap};
use marionette_sqlite::SqliteStore;
use marionette_sqlite::rusqlite::{Connection, TransactionBehavior};

fn order(item: &str, mail: impl Job, store: &SqliteStore) -> Result<(), Box<dyn Error>> {
    let mut connection = Connection::open("tasks.db")?; // the file of the store
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute("INSERT INTO orders (item) VALUES (?)", [item])?;
    store.insert_in(&transaction, [wrap(mail).into_new_job()?])?;
    transaction.commit()?;
    store.wake(); // workers look at once
    Ok(())
}

#[tokio::test]
async fn it_runs() {
    use marionette::inspect::Inspect;
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    struct Confirm;

    impl Job for Confirm {
        const KIND: &'static str = "confirm";
        type Output = ();
    }

    crate::in_a_folder_of_its_own();
    let store = SqliteStore::open("tasks.db").await.expect("it opens");
    let table = "CREATE TABLE IF NOT EXISTS orders (item TEXT)";
    let connection = Connection::open("tasks.db").expect("it opens");
    connection.execute(table, []).expect("it is made");
    order("tea", Confirm, &store).expect("it is ordered");
    let counts = store.counts().await.expect("it can be asked");
    assert!(counts.iter().any(|count| count.kind == "confirm" && count.jobs == 1));
}
