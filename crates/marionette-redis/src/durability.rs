//! When a change counts as made.

/// When a change counts as made; chosen by
/// [`RedisOptions::durability`](crate::RedisOptions::durability).
///
/// It says what the store waits for, and not what the server does: no choice makes a server write
/// sooner.
///
/// | what | waits for | the server needs |
/// | --- | --- | --- |
/// | `Server` | its answer | nothing |
/// | `Synced` | its disk | `appendonly yes`; below version 7.2 also `appendfsync always` |
/// | `Replicated(n)` | the disks of the server and of `n` replicas | `n` replicas; see below |
///
/// With `appendfsync everysec` a server writes to its disk once a second, so a call of `Synced`
/// takes up to a second; calls that come together wait together. With `appendfsync always` it takes
/// as long as the disk.
///
/// `Replicated(n)` waits for disks (`WAITAOF`) where the server is of version 7.2 or newer and
/// keeps an append-only file; then its replicas have to keep one as well. Elsewhere it waits until
/// `n` replicas have the change in memory (`WAIT`). It is no promise for a failover: another
/// replica than those may be chosen, and a master that was cut off may have accepted changes
/// meanwhile.
///
/// A wait that takes too long is [*unavailable*](marionette::store::StoreErrorKind::Unavailable)
/// after 8 s, and its outcome is not known: the change is made on the server and may be lost with
/// it. A call that is repeated with the same ids changes nothing twice.
///
/// # Rights
///
/// The user needs `+waitaof` for `Synced` (below version 7.2 `+config|get`), and both `+waitaof`
/// and `+wait` for `Replicated`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// What the server has answered counts: its settings decide what it can lose.
    #[default]
    Server,
    /// What is on the disk of the server counts.
    Synced,
    /// What the server and so many replicas have counts. 0 is refused.
    Replicated(usize),
}
