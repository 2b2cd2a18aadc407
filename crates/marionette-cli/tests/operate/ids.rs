//! Ids as a person types them.

use marionette::TaskId;
use marionette::store::{JobState, Store};

use crate::fixture::Place;
use crate::shop::{Shop, mail};

#[tokio::test]
async fn any_piece_of_an_id_is_enough_if_no_other_job_has_it() {
    let shop = Shop::open().await;
    let id = shop.id(JobState::Dead).to_string();
    let short = shop.place.value(&["list", "--state", "dead"])["short"].clone();
    let short = short.as_str().expect("a text").to_owned();
    let pieces = [
        id.clone(),
        id.to_uppercase(),
        id.replace('-', ""),
        id[24..].to_owned(),
        id[..35].to_owned(),
        short,
    ];
    for piece in pieces {
        assert_eq!(
            shop.place.value(&["show", &piece])["id"],
            id.as_str(),
            "{piece}"
        );
    }
}

#[tokio::test]
async fn a_piece_that_several_have_names_them_and_changes_nothing() {
    let place = Place::new();
    let store = place.open().await;
    let ids = [
        "0193a000-0000-7000-8000-0000000000aa",
        "0193a000-0000-7000-8000-0000000000bb",
    ];
    for (id, to) in ids.into_iter().zip(["ada", "bob"]) {
        let mut job = mail(to);
        job.id = id.parse::<TaskId>().expect("it is one");
        store.insert(vec![job]).await.expect("it is accepted");
    }
    let said = place.run(&["cancel", "0193a000"]);
    let expected = format!(
        "marionette: more than one task has \"0193a000\" in its id or as its name; write more of \
         one id:\n\
         marionette:   {}  ready        mail welcome bob\n\
         marionette:   {}  ready        mail welcome ada\n",
        ids[1], ids[0]
    );
    assert_eq!((said.code, said.err), (Some(2), expected));
    assert_eq!(place.values(&["list", "--state", "ready"]).len(), 2);
    assert_eq!(place.good(&["cancel", "00bb"]), "cancelled 1 task\n");
}

#[tokio::test]
async fn an_id_that_nobody_has_is_told_and_the_others_are_served() {
    let shop = Shop::open().await;
    let id = shop.id(JobState::Dead).to_string();
    let unknown = "0193a000-0000-7000-8000-0000000000aa";
    let said = shop.place.run(&["show", unknown, &id]);
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains(&id), "{said:?}");
    assert_eq!(
        said.err,
        format!(
            "marionette: no task has \"{unknown}\" in its id or as its name; `marionette list` \
             shows what there is\n"
        )
    );
    let said = shop.place.run(&["retry", unknown, &id]);
    assert_eq!(
        (said.code, said.out.as_str()),
        (Some(1), "retried 1 task\n")
    );
    assert_eq!(
        said.err,
        format!("marionette: not retried: {unknown}: there is no such task\n")
    );
}

#[test]
fn what_is_no_id_is_told() {
    let place = Place::new();
    place.good(&["add", "true"]);
    for (id, expected) in [
        (
            "send_mail",
            "\"send_mail\" is not the id of a task, and no task has this name; ids have the digits",
        ),
        (
            "0a",
            "the id \"0a\" is too short, and no task has this name; write 4 digits of it or more",
        ),
        ("", "the id \"\" is too short"),
    ] {
        let said = place.run(&["show", id]);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains(expected), "{said:?}");
    }
}
