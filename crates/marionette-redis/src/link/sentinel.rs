//! Sentinels, which know where the master is.

use std::rc::{Rc, Weak};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisError, Value};

use crate::address::{Endpoint, Host};

use super::failure::Failure;
use super::shared::Shared;
use super::way::Way;
use super::{socket, speak};

/// How long one sentinel may take: then the next one is asked.
const TIME: Duration = Duration::from_secs(1);

/// How often the sentinels are asked while all is well: a master that was cut off still says that
/// it is one.
const ROUND: Duration = Duration::from_secs(5);

/// Asks the sentinels in turn for the master. What they say may be old: only the server itself
/// decides.
pub(super) async fn master(way: &Way) -> Result<Host, Failure> {
    let Endpoint::Sentinels { sentinels, master } = &way.address.endpoint else {
        return Err(Failure::refused(format!("{} has no sentinel", way.address)));
    };
    let mut last = Failure::passing(format!("{} names no sentinel", way.address));
    for sentinel in sentinels {
        match tokio::time::timeout(TIME, ask(way, sentinel, master)).await {
            Ok(Ok(host)) => return Ok(host),
            Ok(Err(failure)) => last = failure,
            Err(_) => {
                let seconds = TIME.as_secs();
                let what = format!("the sentinel {sentinel} does not answer within {seconds} s");
                last = Failure::passing(what);
            }
        }
    }
    Err(last)
}

async fn ask(way: &Way, sentinel: &Host, master: &str) -> Result<Host, Failure> {
    let stream = socket::tcp_within(way, sentinel, TIME).await?;
    let wrong = |error| Failure::of(&format!("the sentinel {sentinel}"), error);
    let mut spoken = speak::speak_plainly(stream).await.map_err(wrong)?;
    let connection = &mut spoken.connection;
    let answer = match address(connection, master).await {
        // It asks for a password, then that of the master: the address has no other.
        Err(error) if error.code() == Some("NOAUTH") && way.address.login.is_some() => {
            speak::log_in(connection, way.address.login.as_ref())
                .await
                .map_err(wrong)?;
            address(connection, master).await
        }
        answer => answer,
    };
    let Value::Array(answer) = answer.map_err(wrong)? else {
        return Err(Failure::refused(format!(
            "the sentinel {sentinel} knows no master {master}"
        )));
    };
    let mut words = answer.into_iter().map(|word| match word {
        Value::BulkString(word) => String::from_utf8(word).ok(),
        _ => None,
    });
    let (name, port) = (words.next().flatten(), words.next().flatten());
    match (name, port.and_then(|port| port.parse().ok())) {
        (Some(name), Some(port)) => Ok(Host { name, port }),
        _ => Err(Failure::passing(format!(
            "the sentinel {sentinel} answers no address of {master}"
        ))),
    }
}

async fn address(
    connection: &mut MultiplexedConnection,
    master: &str,
) -> Result<Value, RedisError> {
    let mut ask = redis::cmd("SENTINEL");
    ask.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
    ask.query_async(connection).await
}

/// While the links live, leaves a server that the sentinels no longer call the master.
pub(super) async fn watch(way: Rc<Way>, links: Vec<Weak<Shared>>) {
    loop {
        tokio::time::sleep(ROUND).await;
        let links: Vec<_> = links.iter().filter_map(Weak::upgrade).collect();
        if links.is_empty() {
            return;
        }
        let Ok(master) = master(&way).await else {
            continue;
        };
        for link in links {
            let host = link.host.borrow().clone();
            let Some(host) = host else { continue };
            if host != master && !are_same(&host, &master).await {
                let why = format!("the sentinels say that the master is {master}, not {host}");
                link.lose(link.number.get(), why);
            }
        }
    }
}

/// Whether two names are the same server: sentinels may call it by a name and by an address.
async fn are_same(one: &Host, other: &Host) -> bool {
    let one = tokio::net::lookup_host((one.name.as_str(), one.port)).await;
    let other = tokio::net::lookup_host((other.name.as_str(), other.port)).await;
    match (one, other) {
        (Ok(one), Ok(other)) => {
            let other: Vec<_> = other.collect();
            one.into_iter().any(|address| other.contains(&address))
        }
        _ => false,
    }
}
