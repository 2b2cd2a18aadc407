//! A user with few rights.

use marionette::store::StoreErrorKind;
use marionette_redis::RedisStore;
use marionette_servers::RedisServer;

use crate::common::{both, claim, insert, refusal};

/// All that a user needs, with the store's default name.
pub(crate) const RIGHTS: &str = "~{marionette}:* &{marionette}:* -@all +evalsha +script|load \
    +ssubscribe +sunsubscribe \
    +spublish +ping +hello +auth +time +client|setname +info +role +hget +hset +hsetnx +hdel \
    +hlen +hmget +hgetall +hexists +hincrby +hkeys +hscan +hrandfield +zadd +zrem +zcard \
    +zscore +zmscore +zrange +zrangebyscore +zrangebylex +zrevrangebylex +zremrangebylex \
    +zlexcount +rpush +lpop +llen +lpos +lrange +sadd +srem +scard +sismember +smismember";

fn user(server: &RedisServer, rights: &str) -> String {
    let mut command = vec!["ACL", "SETUSER", "ada", "reset", "on", ">hunter2"];
    command.extend(rights.split_whitespace());
    assert_eq!(server.command(&command).text(), "OK");
    format!("redis://ada:hunter2@127.0.0.1:{}", server.port())
}

#[tokio::test]
async fn a_user_with_the_rights_of_the_documentation_can_do_all() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = RedisStore::connect(user(&server, RIGHTS)).await.unwrap();
    both(&store).await.unwrap();
    let id = insert(&store).await.unwrap();
    assert_eq!(claim(&store).await.unwrap(), [id]);
}

#[tokio::test]
async fn each_right_that_is_missing_is_named() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let removed = [
        (vec!["+zadd", "+hset"], vec!["ZADD", "HSET"]),
        (vec!["+evalsha", "+role"], vec!["evalsha", "role"]),
        (vec!["+script|load"], vec!["script|load"]),
        (
            vec!["+ssubscribe", "+spublish"],
            vec!["SSUBSCRIBE", "SPUBLISH"],
        ),
        (vec!["&{marionette}:*"], vec!["SSUBSCRIBE", "SPUBLISH"]),
        (vec!["~{marionette}:*"], vec!["the keys"]),
    ];
    for (without, named) in removed {
        let rights = RIGHTS
            .split_whitespace()
            .filter(|right| !without.contains(right));
        let url = user(&server, &rights.collect::<Vec<_>>().join(" "));
        let error = refusal(&url).await;
        assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
        let text = error.to_string();
        assert!(text.contains("the user ada of"), "{text}");
        for name in named {
            assert!(text.contains(name), "{name}: {text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn a_right_that_is_taken_away_later_is_named_too() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = RedisStore::connect(user(&server, RIGHTS)).await.unwrap();
    insert(&store).await.unwrap();
    server.command(&["ACL", "SETUSER", "ada", "-zadd"]);
    let error = insert(&store).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
    assert!(error.to_string().contains("ZADD"), "{error}");
    server.command(&["ACL", "SETUSER", "ada", "+zadd"]);
    insert(&store).await.unwrap();
}
