//! The tables and functions, and how they come into a database. Their texts call the schema
//! `marionette`; a store may give it another name.

use marionette::store::StoreError;
use tokio_postgres::Client;

use crate::error::store_error;

/// The tables of this version.
const VERSION: i32 = 1;
const MIGRATION: [&str; 9] = [
    include_str!("../sql/schema_1.sql"),
    include_str!("../sql/common_1.sql"),
    include_str!("../sql/insert_1.sql"),
    include_str!("../sql/claim_1.sql"),
    include_str!("../sql/renew_1.sql"),
    include_str!("../sql/settle_1.sql"),
    include_str!("../sql/sweep_1.sql"),
    include_str!("../sql/change_1.sql"),
    include_str!("../sql/show_1.sql"),
];
/// The number of the lock under which the tables are made.
const LOCK: i64 = 0x6d61_7269_6f6e;

/// The name of a schema as SQL has it.
pub(crate) fn quoted(schema: &str) -> String {
    format!("\"{}\"", schema.replace('"', "\"\""))
}

/// A text with the name of the schema in the place of `marionette`.
pub(crate) fn within(schema: &str, text: &str) -> String {
    text.replace("marionette.", &format!("{}.", quoted(schema)))
}

/// Makes the tables and functions, if they are not there. Several processes may do so at once, and
/// without the right to make tables it is enough that they are there.
pub(crate) async fn migrate(client: &Client, schema: &str) -> Result<(), StoreError> {
    if version(client, schema).await? == Some(VERSION) {
        return Ok(());
    }
    let begin = format!(
        "BEGIN; SET LOCAL lock_timeout = '3s'; SELECT pg_advisory_xact_lock({LOCK}); \
         CREATE SCHEMA IF NOT EXISTS {}",
        quoted(schema)
    );
    let done = async {
        client.batch_execute(&begin).await.map_err(store_error)?;
        // Another process may have been faster.
        if version(client, schema).await? != Some(VERSION) {
            let text = within(schema, &MIGRATION.concat());
            client.batch_execute(&text).await.map_err(store_error)?;
        }
        client.batch_execute("COMMIT").await.map_err(store_error)
    };
    let done = done.await;
    if done.is_err() {
        // This fails if the connection is lost, and then nothing was made.
        let _ = client.batch_execute("ROLLBACK").await;
    }
    done
}

/// The version of the tables; `None` if there are none.
async fn version(client: &Client, schema: &str) -> Result<Option<i32>, StoreError> {
    let table = format!("{}.meta", quoted(schema));
    let known = client
        .query_typed(
            "SELECT to_regclass($1) IS NOT NULL",
            &[(&table, tokio_postgres::types::Type::TEXT)],
        )
        .await
        .map_err(store_error)?;
    if !known.first().is_some_and(|row| row.get(0)) {
        return Ok(None);
    }
    let rows = client
        .query_typed(&format!("SELECT version FROM {table}"), &[])
        .await
        .map_err(store_error)?;
    match rows.first().map(|row| row.get(0)) {
        Some(version) if version > VERSION => Err(StoreError::refused(format!(
            "the tables of the schema {schema:?} are of version {version}, this library knows \
             versions up to {VERSION}; use a newer one"
        ))),
        version => Ok(version),
    }
}

/// Lets the time of the functions be the one that a test sets.
#[cfg(feature = "test-util")]
pub(crate) async fn follow_test_clock(client: &Client, schema: &str) -> Result<(), StoreError> {
    let text = within(
        schema,
        "BEGIN; SELECT pg_advisory_xact_lock(1);
         CREATE OR REPLACE FUNCTION marionette.now_1() RETURNS int8 LANGUAGE sql STABLE AS
             $$ SELECT current_setting('test_clock.now')::int8 $$;
         CREATE OR REPLACE FUNCTION marionette.clock_1() RETURNS int8 LANGUAGE sql VOLATILE AS
             $$ SELECT current_setting('test_clock.now')::int8 $$;
         COMMIT",
    );
    client.batch_execute(&text).await.map_err(store_error)
}
