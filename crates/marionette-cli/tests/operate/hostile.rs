//! Texts of tasks that would take over a terminal if they were printed as they are.

use marionette::inspect::{By, Inspect, Which};
use marionette::store::{Next, PastOutcome, Store};
use marionette_sqlite::rusqlite::Connection;

use crate::shop::{Shop, mail, worker};

const HOSTILE: &str = "\x1b[2J\x1b]0;title\x07\u{9b}31m\u{202e}\r\nroot\x08\x7f\u{200b}";

/// Whether a terminal would act on it.
fn is_obeyed(char: char) -> bool {
    (char.is_control() && char != '\n') || "\u{202e}\u{200b}".contains(char)
}

#[tokio::test]
async fn no_control_character_of_a_task_is_ever_printed() {
    let shop = Shop::open().await;
    shop.claim(shop.id(marionette::store::JobState::Ready))
        .await;
    let mut job = mail("ada");
    let id = job.id;
    job.payload = serde_json::to_vec(HOSTILE).expect("it is plain data");
    job.options.name = Some(HOSTILE.to_owned());
    job.options.error = Some(HOSTILE.to_owned());
    let mut raw = mail("ada");
    let raw_id = raw.id;
    raw.payload = HOSTILE.as_bytes().to_vec();
    shop.store.insert(vec![job]).await.expect("it is accepted");
    shop.fail(id, HOSTILE, Next::Bury).await;
    shop.store.insert(vec![raw]).await.expect("it is accepted");
    let claimed = shop.claim(raw_id).await;
    let next = Next::Done(HOSTILE.as_bytes().to_vec());
    shop.settle(&claimed, PastOutcome::Done, None, next).await;
    let running = Which::Ids(vec![shop.id(marionette::store::JobState::Scheduled)]);
    shop.store
        .cancel(running, HOSTILE.to_owned(), By::new("ada", "test"))
        .await
        .expect("an answer");
    let mut worker = worker();
    worker.server = HOSTILE.into();
    shop.store
        .renew(worker, vec![])
        .await
        .expect("it is known now");
    // The library refuses such names; a file may have them all the same.
    let connection = Connection::open(shop.place.path()).expect("it can be opened");
    let names = "UPDATE marionette_lane SET kind = ?1 || id, queue = ?1 || id";
    connection
        .execute(names, [HOSTILE])
        .expect("it can be written");
    let pause = "INSERT INTO marionette_queue (name, paused) VALUES (?1, 1)";
    connection
        .execute(pause, [HOSTILE])
        .expect("it can be written");

    let (id, raw_id) = (id.to_string(), raw_id.to_string());
    let commands: [&[&str]; 9] = [
        &["list"],
        &["show", &id],
        &["show", &raw_id, "--full"],
        &["stats"],
        &["instances"],
        &["retry", "--all", "--dry-run"],
        &["delete", "--all", "--dry-run"],
        &["cancel", "0000", HOSTILE],
        &["list", "--since", HOSTILE],
    ];
    for args in commands {
        for more in [["--color", "never"].as_slice(), &["--json"]] {
            let said = shop.place.run(&[args, more].concat());
            let told = format!("{}{}", said.out, said.err);
            assert!(!told.contains(is_obeyed), "{args:?} {more:?}: {told:?}");
            assert!(!told.is_empty(), "{args:?}");
        }
    }
}

#[tokio::test]
async fn programs_get_such_texts_as_they_are() {
    let shop = Shop::open().await;
    shop.claim(shop.id(marionette::store::JobState::Ready))
        .await;
    let mut job = mail("ada");
    job.options.name = Some(HOSTILE.to_owned());
    let id = job.id;
    shop.store.insert(vec![job]).await.expect("it is accepted");
    shop.fail(id, HOSTILE, Next::Bury).await;
    let value = shop.place.value(&["show", &id.to_string()]);
    assert_eq!(value["name"], HOSTILE);
    assert_eq!(value["attempts"][0]["error"], HOSTILE);
}
