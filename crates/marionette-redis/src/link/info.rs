//! What a server tells about itself.

use std::collections::HashMap;

/// The oldest Redis, and the oldest Valkey. Older ones do not check flags of scripts.
const REDIS: (u32, u32) = (7, 0);
const VALKEY: (u32, u32) = (7, 2);

/// The first Redis that knows the command `WAITAOF`; every Valkey does.
const WAITAOF: (u32, u32) = (7, 2);

/// The lines that others have and Redis and Valkey have not.
const OTHERS: [(&str, &str); 5] = [
    ("active_replica", "KeyDB"),
    ("keydb_version", "KeyDB"),
    ("dragonfly_version", "Dragonfly"),
    ("garnet_version", "Garnet"),
    ("kvrocks_version", "Kvrocks"),
];

/// The answer to `INFO`.
pub(super) struct Info<'a> {
    lines: HashMap<&'a str, &'a str>,
}

impl<'a> Info<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let lines = text.lines().filter_map(|line| line.trim().split_once(':'));
        Self {
            lines: lines.collect(),
        }
    }

    /// Why no store can be on this server: the end of a sentence that begins with its address.
    pub(super) fn unfit(&self) -> Option<String> {
        let ours = "the store needs Redis 7.0 or newer, or Valkey 7.2 or newer";
        for (line, name) in OTHERS {
            if self.lines.contains_key(line) {
                return Some(format!("is {name}: {ours}"));
            }
        }
        let (line, shown, oldest) = match self.name().as_str() {
            "redis" => ("redis_version", "Redis", REDIS),
            "valkey" => ("valkey_version", "Valkey", VALKEY),
            other => return Some(format!("is {other}: {ours}")),
        };
        // Valkey has had this line since it has its name.
        let version = self.lines.get(line).or(self.lines.get("redis_version"))?;
        match numbers(version) {
            Some(version) if version >= oldest => None,
            _ => Some(format!("is {shown} {version}: {ours}")),
        }
    }

    fn name(&self) -> String {
        let name = self.lines.get("server_name").copied();
        name.unwrap_or("redis").to_ascii_lowercase()
    }

    /// Whether the server says when a write is on its disk. One that does not tell its version is
    /// taken for a newer one.
    pub(super) fn knows_waitaof(&self) -> bool {
        let version = self.lines.get("redis_version").and_then(|it| numbers(it));
        version.is_none_or(|version| version >= WAITAOF || self.name() == "valkey")
    }

    /// Whether the server keeps an append-only file.
    pub(super) fn has_file(&self) -> bool {
        self.lines.get("aof_enabled") == Some(&"1")
    }

    /// Whether the server is a node of a cluster.
    pub(super) fn is_cluster(&self) -> bool {
        self.lines.get("cluster_enabled") == Some(&"1")
    }

    /// That the server deletes keys when its memory is full.
    pub(super) fn evicts(&self) -> Option<String> {
        let policy = self.lines.get("maxmemory_policy")?;
        (*policy != "noeviction").then(|| {
            format!(
                "has the maxmemory-policy {policy}, with which it deletes jobs when its memory is \
                 full: set it to noeviction"
            )
        })
    }
}

/// The first two numbers of a version.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next().flatten().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unfit(text: &str) -> String {
        Info::new(text).unfit().unwrap_or_default()
    }

    #[test]
    fn a_server_that_is_too_old_or_another_is_refused_by_name() {
        assert_eq!(unfit("# Server\r\nredis_version:7.0.15\r\n"), "");
        assert_eq!(unfit("redis_version:10.2.0\r\n"), "");
        assert_eq!(
            unfit("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.0"),
            ""
        );
        assert_eq!(unfit("what: ever"), "");
        let refused = [
            ("redis_version:6.2.14", "is Redis 6.2.14"),
            ("redis_version:unstable", "is Redis unstable"),
            (
                "server_name:valkey\nvalkey_version:7.1.0",
                "is Valkey 7.1.0",
            ),
            ("redis_version:6.3.4\nactive_replica:0", "is KeyDB"),
            (
                "redis_version:7.4.0\ndragonfly_version:df-v1.2",
                "is Dragonfly",
            ),
            ("redis_version:7.4.0\nserver_name:other", "is other"),
        ];
        for (text, expected) in refused {
            let refused = unfit(text);
            assert!(refused.starts_with(expected), "{text}: {refused}");
            assert!(refused.contains("Redis 7.0 or newer"), "{refused}");
        }
    }

    #[test]
    fn a_server_tells_by_its_version_whether_it_knows_when_a_write_is_on_its_disk() {
        let knows = |text: &str| Info::new(text).knows_waitaof();
        assert!(!knows("redis_version:7.0.15"));
        assert!(knows("redis_version:7.2.0"));
        assert!(knows("redis_version:10.0.1"));
        assert!(knows(
            "redis_version:7.2.4\nserver_name:valkey\nvalkey_version:9.1.2"
        ));
        assert!(knows(""));
        assert!(Info::new("aof_enabled:1").has_file());
        assert!(!Info::new("aof_enabled:0").has_file());
    }

    #[test]
    fn a_server_that_deletes_jobs_is_found_out() {
        let evicts = |policy: &str| Info::new(&format!("maxmemory_policy:{policy}")).evicts();
        assert_eq!(evicts("noeviction"), None);
        assert!(evicts("allkeys-lru").unwrap().contains("allkeys-lru"));
        assert_eq!(Info::new("").evicts(), None);
    }
}
