//! What a store does about answers that a real server gives only in rare trouble.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use marionette::store::StoreErrorKind;
use marionette_redis::RedisStore;
use marionette_servers::RedisServer;

use crate::common::{ask, both, has_connections, now, refusal};
use crate::peer::{Act, Peer};

/// Says this to the next calls of scripts, so often.
fn to_calls(answer: &'static str, mut times: usize) -> impl FnMut(&str) -> Act + Send {
    move |command| {
        if !command.starts_with("EVALSHA") || times == 0 {
            return Act::Pass;
        }
        times -= 1;
        Act::Say(answer)
    }
}

/// A store whose calls get this answer from now on, so often.
async fn told(server: &RedisServer, answer: &'static str, times: usize) -> (Peer, RedisStore) {
    let peer = Peer::new(server.port(), |_| Act::Pass);
    let store = RedisStore::connect(peer.url()).await.unwrap();
    both(&store).await.unwrap();
    assert_eq!(peer.accepted(), 2);
    peer.now(to_calls(answer, times));
    (peer, store)
}

#[tokio::test]
async fn a_server_that_serves_nobody_is_left_and_the_call_goes_to_the_next_connection() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let answers = [
        "-READONLY You can't write against a read only replica.\r\n",
        "-LOADING Redis is loading the dataset in memory\r\n",
        "-MASTERDOWN Link with MASTER is down\r\n",
        "-CLUSTERDOWN The cluster is down\r\n",
        "-UNBLOCKED force unblock from blocking operation\r\n",
        "-NOAUTH Authentication required.\r\n",
        "HTTP/1.1 400 Bad Request\r\n",
        "$oops\r\n",
    ];
    for answer in answers {
        let (peer, store) = told(&server, answer, 1).await;
        ask(&store)
            .await
            .unwrap_or_else(|error| panic!("{answer}: {error}"));
        assert_eq!(peer.accepted(), 3, "{answer}");
    }
}

#[tokio::test]
async fn a_server_that_is_busy_with_a_script_is_waited_for() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let busy = "-BUSY Redis is busy running a script.\r\n";
    let (peer, store) = told(&server, busy, 5).await;
    ask(&store).await.unwrap();
    assert_eq!(peer.accepted(), 2);
}

#[tokio::test]
async fn what_waiting_does_not_mend_is_told_at_once() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let errors = [
        (
            "-OOM command not allowed when used memory > 'maxmemory'.\r\n",
            StoreErrorKind::Full,
        ),
        (
            "-MISCONF Errors writing to the AOF file\r\n",
            StoreErrorKind::Unavailable,
        ),
        (
            "-NOREPLICAS Not enough good replicas to write.\r\n",
            StoreErrorKind::Unavailable,
        ),
        (
            "-NOPERM this user has no permissions to run 'evalsha'\r\n",
            StoreErrorKind::Refused,
        ),
        ("-LAYOUT 2\r\n", StoreErrorKind::Refused),
    ];
    for (answer, kind) in errors {
        let (peer, store) = told(&server, answer, 1).await;
        let error = ask(&store).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let code = answer.trim_start_matches('-').split(' ').next().unwrap();
        assert!(error.to_string().contains(code), "{error}");
        assert_eq!(peer.accepted(), 2);
    }
}

#[tokio::test]
async fn a_call_without_an_answer_is_sent_again_on_another_connection() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let (peer, store) = told(&server, "", 1).await;
    let since = now();
    ask(&store).await.unwrap();
    assert!(
        since.elapsed() >= Duration::from_secs(5),
        "{:?}",
        since.elapsed()
    );
    assert_eq!(peer.accepted(), 3);
}

#[tokio::test]
async fn a_call_that_nobody_ever_answers_ends_with_what_happened_last() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let loading = "-LOADING Redis is loading the dataset in memory\r\n";
    let (_peer, store) = told(&server, loading, usize::MAX).await;
    let error = ask(&store).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    let text = error.to_string();
    assert!(
        text.contains("within 10 s") && text.contains("LOADING"),
        "{text}"
    );
}

#[tokio::test]
async fn a_server_that_only_just_starts_is_waited_for_when_a_store_is_connected() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let mut left = 6;
    let peer = Peer::new(server.port(), move |command| {
        if command != "SCRIPT LOAD" || left == 0 {
            return Act::Pass;
        }
        left -= 1;
        Act::Say("-LOADING Redis is loading the dataset in memory\r\n")
    });
    let store = RedisStore::connect(peer.url()).await.unwrap();
    both(&store).await.unwrap();
}

#[tokio::test]
async fn a_server_that_takes_its_time_before_each_first_answer_is_connected_to() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let peer = Peer::new(server.port(), |command| {
        if matches!(command, "HELLO 3" | "CLIENT SETNAME" | "EVALSHA") {
            std::thread::park_timeout(Duration::from_millis(800));
        }
        Act::Pass
    });
    let store = RedisStore::connect(peer.url()).await.unwrap();
    both(&store).await.unwrap();
    assert_eq!(peer.accepted(), 2);
}

#[tokio::test]
async fn a_server_that_does_not_become_ready_is_named_with_what_it_says() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let peer = Peer::new(server.port(), move |command| match command {
        "SCRIPT LOAD" => Act::Say("-LOADING Redis is loading the dataset in memory\r\n"),
        _ => Act::Pass,
    });
    let error = refusal(&peer.url()).await;
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    let text = error.to_string();
    assert!(
        text.contains(&peer.url()) && text.contains("LOADING"),
        "{text}"
    );
}

#[tokio::test]
async fn a_peer_that_is_no_such_server_is_found_out() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let garbage = Peer::new(server.port(), |_| {
        Act::Say("HTTP/1.1 400 Bad Request\r\n\r\n")
    });
    let text = refusal(&garbage.url()).await.chain();
    assert!(
        text.contains("does not answer as a Redis server does"),
        "{text}"
    );
    let closed = Peer::new(server.port(), |_| Act::Close);
    let text = refusal(&closed.url()).await.chain();
    assert!(text.contains(&closed.url()), "{text}");
    let silent = Peer::new(server.port(), |_| Act::Nothing);
    let text = refusal(&silent.url()).await.chain();
    assert!(text.contains("no answer within 5 s"), "{text}");
}

#[tokio::test]
async fn a_server_that_repeats_a_password_does_not_make_us_show_it() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let answers = [
        "-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'a' 'hunter2'\r\n",
        "-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `hunter2`,\r\n",
        "-ERR nobody has the password hunter2 here\r\n",
        "-WRONGPASS hunter2\r\n",
        "-DENIED hunter2\r\n",
        "-STRANGE hunter2\r\n",
    ];
    for answer in answers {
        let peer = Peer::new(server.port(), move |_| Act::Say(answer));
        let url = peer.url().replace("//", "//ada:hunter2@");
        let error = refusal(&url).await;
        let shown = format!("{error} {error:?} {}", error.chain());
        assert!(!shown.contains("hunter2"), "{answer}: {shown}");
        assert!(shown.contains(&peer.url()), "{answer}: {shown}");
    }
}

#[tokio::test]
async fn a_server_that_is_too_old_or_another_is_refused_by_name() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let infos = [
        ("$20\r\nredis_version:6.2.14\r\n", "is Redis 6.2.14"),
        ("$16\r\nactive_replica:0\r\n", "is KeyDB"),
    ];
    for (info, name) in infos {
        let peer = Peer::new(server.port(), move |command| match command {
            "INFO" => Act::Say(info),
            _ => Act::Pass,
        });
        let error = refusal(&peer.url()).await;
        assert_eq!(error.kind(), StoreErrorKind::Refused);
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_closes_each_connection_is_not_asked_without_a_pause() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let peer = Peer::new(server.port(), |_| Act::Pass);
    let store = RedisStore::connect(peer.url()).await.unwrap();
    let closed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&closed);
    peer.now(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Act::Close
    });
    let store_too = store.clone();
    let call = tokio::spawn(async move { ask(&store_too).await });
    tokio::time::sleep(Duration::from_secs(4)).await;
    // Nine pauses of 25 ms to a second on average: twenty or so for both.
    let attempts = closed.load(Ordering::SeqCst);
    assert!((2..100).contains(&attempts), "{attempts} attempts in 4 s");
    peer.now(|_| Act::Pass);
    call.await.unwrap().unwrap();
    both(&store).await.unwrap();
}

#[tokio::test]
async fn the_node_of_a_cluster_that_has_the_store_is_found_from_any_other() {
    let Some(has_it) = RedisServer::start() else {
        return;
    };
    let Some(another) = RedisServer::start() else {
        return;
    };
    let moved = format!("-MOVED 1 127.0.0.1:{}\r\n", has_it.port());
    let moved: &str = moved.leak();
    let peer = Peer::new(another.port(), to_calls(moved, usize::MAX));
    let store = RedisStore::connect(peer.url()).await.unwrap();
    both(&store).await.unwrap();
    has_connections(&has_it, 2).await;
    has_connections(&another, 0).await;
    // The bulk connection was sent on; the other one knew where to go.
    assert_eq!(peer.accepted(), 1);
    has_it.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    both(&store).await.unwrap();
}

#[tokio::test]
async fn a_replica_in_a_cluster_is_left_for_its_master() {
    let Some(master) = RedisServer::start() else {
        return;
    };
    let port = master.port();
    let role = format!("*3\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:{port}\r\n");
    let role: &str = role.leak();
    let peer = Peer::new(port, move |command| match command {
        "ROLE" => Act::Say(role),
        "INFO" => Act::Say("$19\r\ncluster_enabled:1\r\n\r\n"),
        _ => Act::Pass,
    });
    let store = RedisStore::connect(peer.url()).await.unwrap();
    both(&store).await.unwrap();
    assert_eq!(peer.accepted(), 1);
}
