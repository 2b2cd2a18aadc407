//! A job goes through the SQLite store with the oldest rusqlite that it allows, and into it through
//! transactions of sqlx.

use std::error::Error;
use std::path::Path;

use marionette::inspect::Inspect;
use marionette::store::{Inserted, Name, NewJob, StoreError};
use marionette::{Context, Job, TaskManager, wrap};
use marionette_sqlite::SqliteStore;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions};

type Failure = Box<dyn Error + Send + Sync>;

#[derive(Serialize, Deserialize)]
struct Double(u32);

impl Job for Double {
    const KIND: &'static str = "double";
    type Output = u32;
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("marionette-oldest-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let store = SqliteStore::open(folder.join("tasks.db")).await?;
    let tasks = TaskManager::builder()
        .store(store.clone())
        .handle(async |Double(number): Double, _: Context| Ok(2 * number))
        .build()?;
    tasks.start();
    assert_eq!(tasks.queue(Double(21)).await?.await?, 42);
    println!("{}", tasks.stop().await);

    let shop = SqlitePool::connect_with(options(&folder)).await?;
    // Its future may be spawned.
    tokio::spawn(place_order(store.clone(), shop.clone())).await??;
    nothing_is_left(&store, &shop).await?;
    told_apart(&store, &shop).await?;
    refused(&store, &shop, &folder).await?;
    shop.close().await;
    std::fs::remove_dir_all(&folder)?;
    println!("SQLite {} works", marionette_sqlite::rusqlite::version());
    Ok(())
}

fn options(folder: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(folder.join("tasks.db"))
}

fn row(number: u32) -> Result<NewJob, Failure> {
    Ok(wrap(Double(number)).into_new_job()?)
}

async fn place_order(store: SqliteStore, shop: SqlitePool) -> Result<(), Failure> {
    sqlx::query("CREATE TABLE orders (item TEXT)")
        .execute(&shop)
        .await?;
    let mut order = shop.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query("INSERT INTO orders (item) VALUES ('tea')")
        .execute(&mut *order)
        .await?;
    let job = row(21)?;
    let inserted = store.insert_in_sqlx(&mut *order, [&job]).await?;
    assert_eq!(inserted, [Inserted::Accepted]);
    order.commit().await?;
    store.wake();
    let kept = store.job(job.id).await?.expect("it is there");
    assert_eq!((kept.payload, kept.options), (job.payload, job.options));
    Ok(())
}

/// A transaction that is rolled back or dropped leaves no job.
async fn nothing_is_left(store: &SqliteStore, shop: &SqlitePool) -> Result<(), Failure> {
    let rolled_back = row(1)?;
    let mut order = shop.begin_with("BEGIN IMMEDIATE").await?;
    store.insert_in_sqlx(&mut *order, [&rolled_back]).await?;
    order.rollback().await?;
    let dropped = row(2)?;
    let mut order = shop.begin().await?;
    store.insert_in_sqlx(&mut *order, [&dropped]).await?;
    drop(order);
    for job in [rolled_back, dropped] {
        assert_eq!(store.job(job.id).await?, None);
    }
    Ok(())
}

async fn told_apart(store: &SqliteStore, shop: &SqlitePool) -> Result<(), Failure> {
    let new = row(3)?
        .kind(Name::from_static("other"))
        .queue(Name::from_static("limited"))
        .queue_limit(1)
        .payload(b"it's \0 ?1 \xff".to_vec());
    let other = new.clone().payload(b"{}".to_vec());
    let more = new.clone().id(row(4)?.id);
    let mut order = shop.begin_with("BEGIN IMMEDIATE").await?;
    let jobs = [&new, &new, &other, &more];
    let inserted = store.insert_in_sqlx(&mut *order, jobs).await?;
    let right = [
        Inserted::Accepted,
        Inserted::Known,
        Inserted::Taken,
        Inserted::Full,
    ];
    assert_eq!(inserted, right);
    order.commit().await?;
    let kept = store.job(new.id).await?.expect("it is there");
    assert_eq!(kept.payload, new.payload);
    Ok(())
}

async fn refused(store: &SqliteStore, shop: &SqlitePool, folder: &Path) -> Result<(), Failure> {
    let mut idle = shop.acquire().await?;
    says(store, &mut idle, "in no transaction").await?;

    let mut late = shop.begin().await?;
    sqlx::query("SELECT * FROM orders")
        .fetch_all(&mut *late)
        .await?;
    sqlx::query("INSERT INTO orders (item) VALUES ('jam')")
        .execute(shop)
        .await?;
    says(store, &mut late, "begin it with BEGIN IMMEDIATE").await?;
    late.rollback().await?;

    let reader = SqlitePoolOptions::new()
        .connect_with(options(folder).read_only(true))
        .await?;
    says(store, &mut *reader.begin().await?, "readonly").await?;

    let elsewhere = SqlitePool::connect("sqlite::memory:").await?;
    says(store, &mut *elsewhere.begin().await?, "another file").await
}

async fn says(
    store: &SqliteStore,
    connection: &mut SqliteConnection,
    what: &str,
) -> Result<(), Failure> {
    let job = row(5)?;
    let err: StoreError = store
        .insert_in_sqlx(connection, [&job])
        .await
        .expect_err("it cannot be accepted");
    assert!(err.to_string().contains(what), "{err}");
    assert_eq!(store.job(job.id).await?, None);
    Ok(())
}
