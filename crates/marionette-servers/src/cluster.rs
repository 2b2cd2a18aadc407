//! A cluster of three servers.

use crate::clock::{self, Limit};
use crate::ports;
use crate::server::RedisServer;
use crate::settings::RedisSettings;
use crate::wire::Reply;

/// Three masters that share the keys, each as a [`RedisServer`].
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

/// The first and the last slot of each node.
const SLOTS: [(&str, &str); 3] = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];

impl RedisCluster {
    /// Starts three servers with these settings, and waits until they are a cluster. `None` if
    /// there is no such program: the output of the test then says so.
    ///
    /// # Panics
    ///
    /// As [`RedisSettings::start`].
    #[must_use]
    pub fn start(settings: &RedisSettings) -> Option<Self> {
        let mut nodes = Vec::new();
        let mut buses = Vec::new();
        for _ in SLOTS {
            let bus = ports::free().to_string();
            let mut settings = settings.clone();
            for word in ["--cluster-enabled", "yes", "--cluster-port", &bus] {
                settings = settings.argument(word);
            }
            nodes.push(settings.start()?);
            buses.push(bus);
        }
        for (node, (first, last)) in nodes.iter().zip(SLOTS) {
            node.command(&["CLUSTER", "ADDSLOTSRANGE", first, last]);
        }
        for (node, bus) in nodes.iter().zip(&buses).skip(1) {
            let port = node.port().to_string();
            nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]);
        }
        let cluster = Self { nodes };
        cluster.wait_until_whole();
        Some(cluster)
    }

    /// The servers.
    #[must_use]
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// The servers, to be killed and restarted.
    #[must_use]
    pub fn nodes_mut(&mut self) -> &mut [RedisServer] {
        &mut self.nodes
    }

    /// Which server has the keys with this hash tag.
    ///
    /// # Panics
    ///
    /// If the first one does not answer.
    #[must_use]
    pub fn owner(&self, tag: &str) -> usize {
        let slot = self.nodes[0].command(&["CLUSTER", "KEYSLOT", tag]).int();
        let has_it = |(_, last): &(&str, &str)| last.parse().is_ok_and(|last: i64| slot <= last);
        SLOTS.iter().position(has_it).expect("all slots are shared")
    }

    /// Waits until all servers know that all keys are served.
    ///
    /// # Panics
    ///
    /// If that takes very long.
    pub fn wait_until_whole(&self) {
        let is_ok = |node: &RedisServer| match node.command(&["CLUSTER", "INFO"]) {
            Reply::Bulk(info) => {
                let info = String::from_utf8_lossy(&info);
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            }
            // It still reads its files.
            _ => false,
        };
        let limit = Limit::new();
        while !self.nodes.iter().all(is_ok) {
            assert!(!limit.is_over(), "there is no cluster");
            clock::pause();
        }
    }
}
