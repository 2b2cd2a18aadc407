//! Reads addresses. What is wrong is told without a text that may be a password: a forgotten or
//! unescaped character moves parts of a password to where a host, a port or a path is expected.

use std::path::PathBuf;

use super::{Address, Endpoint, Host, Login};
use crate::durability::Durability;

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

#[derive(Clone, Copy)]
enum Scheme {
    Server,
    Socket,
    Sentinels,
}

/// The address, or what is wrong with it: the end of a sentence that begins with "the address".
pub(super) fn address(url: &str) -> Result<Address, String> {
    let (scheme, rest) = url.split_once("://").ok_or("has no scheme: redis://host")?;
    let (scheme, secure) = known(scheme)?;
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, Some(query)),
        None => (rest, None),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let behind = authority.len() < rest.len() && path.contains('@');
    let is_socket = matches!(scheme, Scheme::Socket);
    if query.is_some_and(|query| query.contains('@'))
        || (behind && !(is_socket && (authority.is_empty() || authority.ends_with('@'))))
    {
        return Err("has an @ behind its host: in a password write / as %2F and ? as %3F".into());
    }
    let (login, hosts) = match authority.rsplit_once('@') {
        Some((login, hosts)) => (self::login(login)?, hosts),
        None => (None, authority),
    };
    let (endpoint, in_path) = match scheme {
        Scheme::Server => (Endpoint::Server(host(hosts, PORT)?), path.strip_prefix('/')),
        Scheme::Socket => (socket(hosts, path)?, None),
        Scheme::Sentinels => sentinels(hosts, path)?,
    };
    let in_path = in_path.filter(|database| !database.is_empty());
    let named = Parameters::read(query.unwrap_or_default())?;
    let database = match (in_path, named.database) {
        (Some(_), Some(_)) => return Err("names two databases".into()),
        (Some(text), None) | (None, Some(text)) => number(text)?,
        (None, None) => 0,
    };
    Ok(Address {
        endpoint,
        secure,
        login,
        database,
        name: named.name,
        durability: named.durability,
    })
}

/// What a scheme means, and whether it asks for encryption.
fn known(scheme: &str) -> Result<(Scheme, bool), String> {
    Ok(match scheme.to_ascii_lowercase().as_str() {
        "redis" | "valkey" => (Scheme::Server, false),
        "rediss" | "valkeys" => (Scheme::Server, true),
        "unix" | "redis+unix" | "valkey+unix" => (Scheme::Socket, false),
        "redis+sentinel" | "valkey+sentinel" => (Scheme::Sentinels, false),
        "rediss+sentinel" | "valkeys+sentinel" => (Scheme::Sentinels, true),
        _ => {
            let schemes = "redis, rediss, redis+unix, redis+sentinel and rediss+sentinel";
            return Err(format!("has another scheme than {schemes}"));
        }
    })
}

fn login(text: &str) -> Result<Option<Login>, String> {
    let Some((user, password)) = text.split_once(':') else {
        return Err("has a user or a password alone: write user:password@ or :password@".into());
    };
    let user = decoded(user).ok_or("has a user that is not percent-encoded rightly")?;
    let password = decoded(password);
    let password = password.ok_or("has a password that is not percent-encoded rightly")?;
    let user = Some(user).filter(|user| !user.is_empty());
    if user.is_none() && password.is_empty() {
        return Ok(None);
    }
    Ok(Some(Login { user, password }))
}

fn host(text: &str, port: u16) -> Result<Host, String> {
    let (name, after) = match text.strip_prefix('[') {
        Some(text) => text.split_once(']').ok_or("has a [ without a ]")?,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    if name.is_empty() {
        return Err("names no host".into());
    }
    if after.matches(':').count() > 1 {
        return Err("has an IPv6 address that does not stand in [ ]".into());
    }
    let port = match after.strip_prefix(':') {
        None if after.is_empty() => port,
        None => return Err("has something else than a port behind its host".into()),
        Some(text) => match text.parse() {
            Ok(port) if port > 0 => port,
            // What is no number may be a password: `redis://user:password` without a host.
            _ => {
                return Err("has a port that is no number from 1 to 65535 \
                            (in front of the host stands user:password@)"
                    .into());
            }
        },
    };
    let name = name.to_owned();
    Ok(Host { name, port })
}

fn socket(hosts: &str, path: &str) -> Result<Endpoint, String> {
    if !hosts.is_empty() {
        return Err("names a host and a socket: write redis+unix:///path".into());
    }
    let path = decoded(path).ok_or("has a path that is not percent-encoded rightly")?;
    if path.len() < 2 {
        return Err("names no socket: write redis+unix:///path".into());
    }
    Ok(Endpoint::Socket(PathBuf::from(path)))
}

fn sentinels<'a>(hosts: &str, path: &'a str) -> Result<(Endpoint, Option<&'a str>), String> {
    let hosts = hosts.split(',').map(|text| host(text, SENTINEL_PORT));
    let sentinels = hosts.collect::<Result<Vec<_>, _>>()?;
    let path = path.strip_prefix('/').unwrap_or(path);
    let (master, database) = match path.split_once('/') {
        Some((master, database)) => (master, Some(database)),
        None => (path, None),
    };
    let master = decoded(master).ok_or("has a master that is not percent-encoded rightly")?;
    if master.is_empty() {
        return Err("names no master: write redis+sentinel://host:port/master".into());
    }
    Ok((Endpoint::Sentinels { sentinels, master }, database))
}

/// What stands behind the `?`.
#[derive(Debug, Default)]
struct Parameters<'a> {
    database: Option<&'a str>,
    name: Option<String>,
    durability: Option<Durability>,
}

impl<'a> Parameters<'a> {
    fn read(text: &'a str) -> Result<Self, String> {
        let mut read = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let is_second = match key {
                "db" => read.database.replace(value).is_some(),
                "name" => {
                    let name = decoded(value).filter(|name| !name.is_empty());
                    let name = name.ok_or("has a name that is empty or not percent-encoded")?;
                    read.name.replace(name).is_some()
                }
                "durability" => {
                    let durability = durability(value).ok_or(
                        "has a durability that is none of server, synced, replicated:NUMBER",
                    )?;
                    read.durability.replace(durability).is_some()
                }
                _ => return Err(unknown(pair)),
            };
            if is_second {
                return Err(format!("has the parameter {key} twice"));
            }
        }
        Ok(read)
    }
}

fn durability(text: &str) -> Option<Durability> {
    match text.split_once(':') {
        None if text == "server" => Some(Durability::Server),
        None if text == "synced" => Some(Durability::Synced),
        Some(("replicated", count)) => count.parse().ok().map(Durability::Replicated),
        _ => None,
    }
}

/// What is wrong with a parameter that there is not. Its value may be a password, and so may be
/// what has no value.
fn unknown(pair: &str) -> String {
    const KEY_MAX: usize = 32;
    let is_word = |key: &str| {
        let mut letters = key.bytes();
        key.len() <= KEY_MAX && letters.all(|it| it.is_ascii_alphabetic() || it == b'_')
    };
    match pair.split_once('=') {
        Some((key, _)) if is_word(key) => {
            format!("has the unknown parameter {key}: the known ones are db, name and durability")
        }
        _ => "has something behind its ? other than db=NUMBER, name=NAME and durability=HOW".into(),
    }
}

fn number(text: &str) -> Result<u32, String> {
    text.parse()
        .map_err(|_| format!("has the database {text:?}, which is no number"))
}

/// A text with `%2F` and the like as what they stand for.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digit = |index: usize| char::from(digits[index]).to_digit(16);
        let byte = digit(0)? * 16 + digit(1)?;
        bytes.push(u8::try_from(byte).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Address {
        Address::parse(url).unwrap()
    }

    fn server(name: &str, port: u16) -> Endpoint {
        let name = name.to_owned();
        Endpoint::Server(Host { name, port })
    }

    #[test]
    fn an_address_says_host_port_user_password_and_database() {
        let address = read("redis://ada:pass@redis.test:7000/3");
        assert_eq!(address.endpoint, server("redis.test", 7000));
        assert_eq!(address.database, 3);
        assert!(!address.secure);
        let login = address.login.unwrap();
        assert_eq!(login.user.as_deref(), Some("ada"));
        assert_eq!(login.password, "pass");

        let short = read("valkey://localhost");
        assert_eq!(short.endpoint, server("localhost", 6379));
        assert_eq!((short.database, short.login), (0, None));
        assert_eq!(read("redis://localhost/").database, 0);
        assert_eq!(read("redis://localhost?db=4").database, 4);
        assert!(read("rediss://localhost").secure);
        assert_eq!(read("redis://[::1]:7/2").endpoint, server("::1", 7));
        assert_eq!(read("redis://[::1]").endpoint, server("::1", 6379));
    }

    #[test]
    fn a_password_may_be_percent_encoded_and_may_have_any_character_then() {
        let password = |url| read(url).login.unwrap().password;
        assert_eq!(password("redis://:a%2Fb%3Fc%40d%25@h"), "a/b?c@d%");
        assert_eq!(password("redis://:a@b#c:d@h"), "a@b#c:d");
        assert_eq!(password("redis://ada:@h"), "");
        assert_eq!(read("redis://:@h").login, None);
    }

    #[test]
    fn an_address_may_be_a_socket() {
        let address = read("redis+unix:///run/redis.sock?db=2");
        assert_eq!(address.endpoint, Endpoint::Socket("/run/redis.sock".into()));
        assert_eq!(address.database, 2);
        let address = read("unix://ada:pass@/run/a%20@b.sock");
        assert_eq!(address.endpoint, Endpoint::Socket("/run/a @b.sock".into()));
        assert_eq!(address.login.unwrap().password, "pass");
    }

    #[test]
    fn an_address_may_name_sentinels_and_a_master() {
        let address = read("redis+sentinel://:pass@a:1,b,[::2]:3/main/5");
        let Endpoint::Sentinels { sentinels, master } = &address.endpoint else {
            panic!("{address}");
        };
        let shown: Vec<_> = sentinels.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["a:1", "b:26379", "[::2]:3"]);
        assert_eq!((master.as_str(), address.database), ("main", 5));
        let shown = address.to_string();
        assert_eq!(shown, "redis+sentinel://a:1,b:26379,[::2]:3/main/5");
        assert!(read("rediss+sentinel://a/main").secure);
    }

    #[test]
    fn an_address_of_any_form_may_name_the_store() {
        for url in [
            "redis://h/0?name=shop",
            "rediss://h?name=shop&db=2",
            "redis+unix:///run/redis.sock?db=2&name=shop",
            "redis+sentinel://:pass@a,b/main/1?name=sho%70",
        ] {
            assert_eq!(read(url).name.as_deref(), Some("shop"), "{url}");
        }
        assert_eq!(read("redis://h").name, None);
    }

    #[test]
    fn an_address_may_say_what_is_waited_for() {
        let durability = |url: &str| read(url).durability;
        assert_eq!(durability("redis://h"), None);
        let server = Some(Durability::Server);
        assert_eq!(durability("redis://h?durability=server"), server);
        let synced = Some(Durability::Synced);
        assert_eq!(
            durability("redis://h/1?name=shop&durability=synced"),
            synced
        );
        let replicated = Some(Durability::Replicated(2));
        assert_eq!(durability("redis://h?durability=replicated:2"), replicated);
    }

    #[test]
    fn what_is_wrong_with_an_address_is_named() {
        let wrong = [
            ("localhost:6379", "has no scheme"),
            ("http://localhost", "has another scheme"),
            ("redis://", "names no host"),
            ("redis://:6379", "names no host"),
            ("redis://h:0", "port that is no number from 1 to 65535"),
            ("redis://h:65536", "port that is no number from 1 to 65535"),
            ("redis://::1", "names no host"),
            ("redis://fe80::1", "does not stand in [ ]"),
            ("redis://[::1", "a [ without a ]"),
            ("redis://[::1]x", "something else than a port"),
            ("redis://h/x", "has the database \"x\""),
            ("redis://h/-1", "has the database \"-1\""),
            ("redis://h/1?db=2", "names two databases"),
            (
                "redis://h?timeout=1",
                "has the unknown parameter timeout: the known ones are db, name and durability",
            ),
            ("redis://h?db", "has the database \"\""),
            ("redis://h?1", "other than db=NUMBER, name=NAME"),
            ("redis://h?db=1&db=2", "has the parameter db twice"),
            ("redis://h?name=a&name=a", "has the parameter name twice"),
            ("redis://h?name=", "has a name that is empty"),
            ("redis://h?durability=all", "has a durability that is none"),
            (
                "redis://h?durability=replicated",
                "has a durability that is none",
            ),
            ("redis://h?name=%zz", "has a name that is empty or not"),
            ("redis://ada@h", "a user or a password alone"),
            ("redis+unix://h/run/s", "names a host and a socket"),
            ("redis+unix://", "names no socket"),
            ("redis+sentinel://a,b", "names no master"),
            ("redis+sentinel://a,/m", "names no host"),
        ];
        for (url, what) in wrong {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(error.contains(what), "{url}: {error}");
        }
    }

    #[test]
    fn no_error_and_no_debug_shows_a_password() {
        let urls = [
            "redis://ada:hunter2@h:x",
            "redis://ada:hunter2",
            "redis://:hunter2",
            "redis://hunter2@h",
            "redis://:hunter2/x@h",
            "redis://:x/hunter2@h",
            "redis://:hunter2?x@h",
            "redis://:x?hunter2@h",
            "redis://:hunter2%zz@h",
            "redis://:hunter2%@h",
            "redis+unix://:hunter2/x@/run/s",
            "redis+unix://:x/hunter2@/run/s",
            "redis+sentinel://:hunter2/x@h/m",
            "redis://h?password=hunter2",
            "redis://h?hunter2",
            "redis://h?hunter2=1",
            "ada:hunter2@h",
            "hunter2://h",
        ];
        for url in urls {
            let error = Address::parse(url).unwrap_err();
            let shown = format!("{error} {error:?} {}", error.chain());
            assert!(!shown.contains("hunter2"), "{url}: {shown}");
        }
        let address = read("redis://ada:hunter2@h");
        assert!(!format!("{address} {address:?}").contains("hunter2"));
        let hidden = address.login.unwrap().hide("ERR no 'hunter2' here");
        assert_eq!(hidden, "ERR no '***' here");
    }
}
