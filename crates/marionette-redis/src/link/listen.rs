//! A connection of its own for what the server says by itself: in the older protocol (RESP2) a
//! connection that listens answers nothing else.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use redis::{Cmd, RedisError, Value, parse_redis_value_async};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::address::Login;

use super::ear::Ear;
use super::socket::Stream;
use super::speak::{ANSWER, auth};

/// How often the server is asked whether it is there: where nothing is sent, nobody notices that a
/// connection is dead.
const ASK: Duration = Duration::from_secs(5);

/// Subscribes. What it gives passes messages on until the connection ends, or is silent for too
/// long.
pub(super) async fn listen(
    mut stream: Stream,
    login: Option<&Login>,
    ear: &Ear,
) -> Result<impl Future<Output = ()> + use<>, RedisError> {
    #[allow(clippy::default_trait_access)] // Its type has a name in a crate that is none of ours.
    let mut decoder = Default::default();
    let subscribed = async {
        let commands = commands(login, ear.channel());
        for command in &commands {
            stream.write_all(&command.get_packed_command()).await?;
        }
        stream.flush().await?;
        for _ in commands {
            let answer = parse_redis_value_async(&mut decoder, &mut stream);
            answer.await?.extract_error()?;
        }
        Ok::<_, RedisError>(())
    };
    let subscribed = tokio::time::timeout(ANSWER, subscribed).await;
    subscribed.map_err(|_| silent())??;
    let ear = ear.clone();
    Ok(async move {
        let (mut from, mut to) = tokio::io::split(stream);
        let mut hear = pin!(async {
            loop {
                let value = parse_redis_value_async(&mut decoder, &mut from);
                let value = tokio::time::timeout(ASK + ANSWER, value).await;
                let message = message(value.map_err(|_| silent())??);
                if message.is_some_and(|message| ear.hear(message).is_err()) {
                    return Ok::<_, RedisError>(());
                }
            }
        });
        let mut ask = pin!(ask(&mut to));
        poll_fn(|context| match hear.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => ask.as_mut().poll(context).map(drop),
        })
        .await;
    })
}

fn commands(login: Option<&Login>, channel: &str) -> Vec<Cmd> {
    let mut subscribe = redis::cmd("SSUBSCRIBE");
    subscribe.arg(channel);
    let mut named = redis::cmd("CLIENT");
    named.arg("SETNAME").arg("marionette");
    login
        .map(auth)
        .into_iter()
        .chain([named, subscribe])
        .collect()
}

fn silent() -> RedisError {
    io::Error::new(io::ErrorKind::TimedOut, "no answer in time").into()
}

/// The message, if it is one.
fn message(value: Value) -> Option<Vec<u8>> {
    let Value::Array(words) = value else {
        return None;
    };
    let mut words = words.into_iter();
    match (words.next(), words.nth(1)) {
        (Some(Value::BulkString(kind)), Some(Value::BulkString(message)))
            if kind == b"smessage" =>
        {
            Some(message)
        }
        _ => None,
    }
}

async fn ask(to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    let ping = redis::cmd("PING").get_packed_command();
    loop {
        tokio::time::sleep(ASK).await;
        to.write_all(&ping).await?;
        to.flush().await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_shards_are_passed_on_and_nothing_else() {
        let heard = |text: &str| message(redis::parse_redis_value(text.as_bytes()).unwrap());
        let said = "*3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$1\r\nw\r\n";
        assert_eq!(heard(said), Some(b"w".to_vec()));
        assert_eq!(heard("*3\r\n$10\r\nssubscribe\r\n$1\r\nc\r\n:1\r\n"), None);
        assert_eq!(heard("*2\r\n$4\r\npong\r\n$0\r\n\r\n"), None);
        assert_eq!(heard("+PONG\r\n"), None);
    }
}
