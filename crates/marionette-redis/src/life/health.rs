//! How the server fares: whether it still has its data, has room, and keeps them on a disk.

use std::time::{Duration, Instant};

/// How often the server is asked.
const ASK: Duration = Duration::from_secs(120);
/// How often something is looked for that was left half done.
const MEND: Duration = Duration::from_secs(60);
/// How long people are told that data were lost.
const LOST: Duration = Duration::from_secs(60 * 60);

/// What is known of the server.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// The name of its data.
    data: Option<Vec<u8>>,
    /// When other data were found there than before.
    lost: Option<Instant>,
    asked: Option<Instant>,
    mended: Option<Instant>,
    /// The lane, and the member of the list of idle processes, behind which the next look for
    /// half-done things begins.
    pub(crate) after: (Vec<u8>, Vec<u8>),
    trouble: Option<String>,
}

impl Health {
    /// Notes the name of the data that the server has; `None` if somebody has emptied it.
    pub(crate) fn data_is(&mut self, name: Option<Vec<u8>>, now: Instant) {
        if self.data.is_some() && self.data != name {
            self.lost = Some(now);
        }
        // The data that come next are no second loss.
        self.data = name;
    }

    /// Notes that a new connection found other data than those before.
    pub(crate) fn lost(&mut self, now: Instant) {
        self.lost = Some(now);
    }

    /// Whether it is time to ask the server how it fares.
    pub(crate) fn is_to_ask(&mut self, now: Instant) -> bool {
        is_over(&mut self.asked, now, ASK)
    }

    /// Whether it is time to look for what was left half done.
    pub(crate) fn is_to_mend(&mut self, now: Instant, lease: Duration) -> bool {
        is_over(&mut self.mended, now, MEND.min(lease * 2))
    }

    /// Notes what the server tells about itself.
    pub(crate) fn told(&mut self, text: &str) {
        let number = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.strip_prefix(':')?.trim().parse::<u64>().ok()
        };
        let most = number("maxmemory").filter(|most| *most > 0);
        let full = number("used_memory").zip(most);
        self.trouble = match full {
            Some((used, most)) if used / 9 >= most / 10 => {
                let (used, most) = (used >> 20, most >> 20);
                Some(format!(
                    "the server uses {used} MiB of memory and may use {most} MiB: when it is full, \
                     no job is accepted"
                ))
            }
            _ if number("aof_enabled") == Some(0) => Some(
                "the server keeps no append-only file (its setting appendonly): when it stops, it \
                 loses what came after its last snapshot"
                    .to_owned(),
            ),
            _ => None,
        };
    }

    /// What people should see to in the store of this name.
    pub(crate) fn warning(&self, store: &str, now: Instant) -> Option<String> {
        let is_recent = |lost: Instant| now.duration_since(lost) < LOST;
        if self.lost.is_some_and(is_recent) {
            return Some(format!(
                "the server has lost the data of the store {store}: the store goes on with what is \
                 there now, and jobs that were accepted before may be gone"
            ));
        }
        self.trouble.clone()
    }
}

fn is_over(last: &mut Option<Instant>, now: Instant, pause: Duration) -> bool {
    let is_over = last.is_none_or(|last| now.duration_since(last) >= pause);
    if is_over {
        *last = Some(now);
    }
    is_over
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_full_or_keeps_nothing_is_a_warning() {
        let now = crate::clock::monotonic();
        let mut health = Health::default();
        let mut warning = |text: &str| {
            health.told(text);
            health.warning("mails", now)
        };
        let roomy = "used_memory:800\r\nmaxmemory:1000\r\naof_enabled:1\r\n";
        assert_eq!(warning(roomy), None);
        let full = warning("used_memory:943718400\r\nmaxmemory:1048576000\r\naof_enabled:1\r\n");
        assert!(
            full.unwrap()
                .contains("900 MiB of memory and may use 1000 MiB")
        );
        let unbounded = "used_memory:900\r\nmaxmemory:0\r\naof_enabled:0\r\n";
        assert!(warning(unbounded).unwrap().contains("appendonly"));
    }

    #[test]
    fn other_data_than_before_are_told_for_an_hour() {
        let now = crate::clock::monotonic();
        let mut health = Health::default();
        health.data_is(Some(vec![1]), now);
        assert_eq!(health.warning("mails", now), None);
        health.data_is(None, now);
        health.data_is(Some(vec![2]), now);
        let told = health.warning("mails", now).expect("they were lost");
        assert!(told.contains("store mails"), "{told}");
        assert_eq!(health.warning("mails", now + LOST), None);
    }
}
