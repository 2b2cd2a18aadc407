//! The scripts, and calls of them.

use std::cell::OnceCell;

use marionette::store::{InstanceId, Name};
use redis::{Cmd, ToRedisArgs};

use crate::clock::Clock;
use crate::layout::{Key, Layout};

/// A script. Its file says what it does, takes and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Script {
    Open,
    Insert,
    InsertOne,
    Claim,
    Done,
    Settle,
    Bury,
    Renew,
    Leave,
    Wait,
    Sweep,
    Change,
    Pause,
    Read,
    Counts,
    Ended,
    Mend,
    Told,
    Check,
    Sums,
    Discard,
    Record,
}

/// A key of a script.
#[derive(Clone, Copy, Debug)]
enum Slot {
    Key(Key),
    /// What the instance of the call has in hand.
    Held,
}

impl Script {
    pub(crate) const ALL: [Self; 22] = [
        Self::Open,
        Self::Insert,
        Self::InsertOne,
        Self::Claim,
        Self::Done,
        Self::Settle,
        Self::Bury,
        Self::Renew,
        Self::Leave,
        Self::Wait,
        Self::Sweep,
        Self::Change,
        Self::Pause,
        Self::Read,
        Self::Counts,
        Self::Ended,
        Self::Mend,
        Self::Told,
        Self::Check,
        Self::Sums,
        Self::Discard,
        Self::Record,
    ];

    fn source(self) -> &'static str {
        match self {
            Self::Open => include_str!("open.lua"),
            Self::Insert => include_str!("insert.lua"),
            Self::InsertOne => include_str!("insert_one.lua"),
            Self::Claim => include_str!("claim.lua"),
            Self::Done => include_str!("done.lua"),
            Self::Settle => include_str!("settle.lua"),
            Self::Bury => include_str!("bury.lua"),
            Self::Renew => include_str!("renew.lua"),
            Self::Leave => include_str!("leave.lua"),
            Self::Wait => include_str!("wait.lua"),
            Self::Sweep => include_str!("sweep.lua"),
            Self::Change => include_str!("change.lua"),
            Self::Pause => include_str!("pause.lua"),
            Self::Read => include_str!("read.lua"),
            Self::Counts => include_str!("counts.lua"),
            Self::Ended => include_str!("ended.lua"),
            Self::Mend => include_str!("mend.lua"),
            Self::Check => include_str!("check.lua"),
            Self::Sums => include_str!("sums.lua"),
            Self::Told => include_str!("told.lua"),
            Self::Discard => include_str!("discard.lua"),
            Self::Record => include_str!("record.lua"),
        }
    }

    /// What the server checks before it begins: without a flag, also that its memory is not full.
    /// A process has to come back to a full server, or nobody drains it.
    fn flags(self) -> &'static str {
        match self {
            Self::Insert | Self::InsertOne => "",
            Self::Read | Self::Counts | Self::Told => " flags=no-writes",
            _ => " flags=allow-oom",
        }
    }

    /// The keys, in the order in which the script names them. What each of the instances of the
    /// call has in hand follows, unless the script has one instance and names its place; or the
    /// shelf of the call.
    fn slots(self) -> Vec<Slot> {
        use Key::{
            About, Activity, Attempts, Awaited, Bodies, ByTime, Cancels, Counts, Done, Ends,
            Failed, Gone, Hints, Idle, Instances, Names, Paused, Retrying, Rooms, States, Subjects,
            Suspects, Until, Waiting,
        };

        const HANDS: [Key; 16] = [
            Names, States, Waiting, Hints, Suspects, Retrying, Attempts, Ends, Failed, ByTime,
            Counts, Cancels, Awaited, Paused, Idle, Rooms,
        ];
        let hands = |more: &[Key]| slots(&[&HANDS, more].concat());
        match self {
            Self::Open => slots(&Key::ALL),
            Self::Insert => slots(&[Names, Bodies, Waiting, Hints, Idle, Rooms]),
            Self::InsertOne => slots(&[Names, Bodies, Waiting, Hints]),
            Self::Claim => {
                let mut all = slots(&[Names, Bodies, States, Waiting, Hints, Suspects]);
                all.push(Slot::Held);
                all.extend(slots(&[Retrying, Attempts, Idle, Rooms]));
                all
            }
            Self::Done => {
                let others = [
                    Ends, Done, Counts, Until, Cancels, Awaited, Bodies, States, Attempts, Gone,
                ];
                let mut all = vec![Slot::Held];
                all.extend(slots(&others));
                all
            }
            Self::Settle => hands(&[Done, Until, Bodies, Gone]),
            Self::Bury => hands(&[Instances, About]),
            Self::Renew => {
                let mut all = slots(&[Instances, About]);
                all.push(Slot::Held);
                all.extend(slots(&[Cancels, Names]));
                all
            }
            Self::Leave => {
                let mut all = slots(&[Instances, About]);
                all.push(Slot::Held);
                all.extend(slots(&[Names]));
                all
            }
            Self::Wait => slots(&[Names, Waiting, Hints, Suspects, Idle, Rooms]),
            Self::Sweep => slots(&[
                Instances, Done, Gone, Until, Failed, ByTime, Counts, Bodies, States, Attempts,
                Ends, Activity, Subjects, Names,
            ]),
            Self::Change => hands(&[Bodies, Gone, Until, Activity, Subjects]),
            Self::Pause => slots(&[
                Names, Waiting, Hints, Suspects, Paused, Idle, Rooms, Activity, Subjects,
            ]),
            Self::Read => slots(&[Bodies, States, Ends, Attempts, Instances]),
            Self::Counts => slots(&[Waiting, Retrying, Counts, Instances]),
            Self::Ended => slots(&[Ends, Bodies, Awaited]),
            Self::Mend => hands(&[Bodies, Instances]),
            Self::Check => slots(&[
                Names, Bodies, States, Waiting, Retrying, Attempts, Ends, Failed, ByTime, Until,
                Done, Gone, Cancels, Paused, Hints, Suspects, Instances,
            ]),
            Self::Sums => slots(&[
                Bodies, Waiting, Retrying, Ends, Failed, ByTime, Until, Done, Gone, Counts, Names,
                Paused, Instances, About,
            ]),
            Self::Told => slots(&[Activity, Subjects]),
            Self::Discard => hands(&[Bodies, Gone, Until, Activity, Subjects, Instances]),
            Self::Record => slots(&[Names]),
        }
    }

    /// The whole text: a line `--@ name` stands for the text of another file.
    pub(crate) fn text(self) -> String {
        let mut text = format!("#!lua{}\n", self.flags());
        include(self.source(), &mut text);
        text
    }

    /// As [`text`](Self::text), where the first argument is the present: a test moves the clock.
    fn text_with_clock(self) -> String {
        let (first, rest) = (self.flags(), self.text());
        let (_, rest) = rest.split_once('\n').expect("the first line has the flags");
        let rest = rest.replace(
            "call('TIME')",
            "{math.floor(told / 1000000), told % 1000000}",
        );
        format!("#!lua{first}\nlocal told = tonumber(table.remove(ARGV, 1))\n{rest}")
    }
}

fn slots(keys: &[Key]) -> Vec<Slot> {
    keys.iter().map(|key| Slot::Key(*key)).collect()
}

fn include(source: &str, text: &mut String) {
    for line in source.lines() {
        let Some(name) = line.trim().strip_prefix("--@ ") else {
            text.push_str(line);
            text.push('\n');
            continue;
        };
        include(part(name), text);
    }
}

/// A text that several scripts have.
fn part(name: &str) -> &'static str {
    match name {
        "codec" => include_str!("codec.lua"),
        "wake" => include_str!("wake.lua"),
        "pick" => include_str!("pick.lua"),
        "ends" => include_str!("ends.lua"),
        "hands" => include_str!("hands.lua"),
        "again" => include_str!("again.lua"),
        "fronts" => include_str!("fronts.lua"),
        "activity" => include_str!("activity.lua"),
        other => unreachable!("no script has a part {other}"),
    }
}

/// The scripts of one store, as its server knows them.
#[derive(Debug)]
pub(crate) struct Scripts {
    layout: Layout,
    clock: Clock,
    hashes: OnceCell<Vec<String>>,
}

impl Scripts {
    pub(crate) fn new(layout: Layout, clock: Clock) -> Self {
        Self {
            layout,
            clock,
            hashes: OnceCell::new(),
        }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Adds the commands that load all scripts, in the order of [`Script::ALL`].
    pub(crate) fn load(&self, all: &mut redis::Pipeline) {
        for script in Script::ALL {
            all.cmd("SCRIPT").arg("LOAD").arg(self.sent(script));
        }
    }

    /// Loads a script and calls it, for a server that has forgotten it: nobody comes between.
    pub(crate) fn load_and_call(&self, call: &Call) -> redis::Pipeline {
        let mut both = redis::pipe();
        both.cmd("SCRIPT").arg("LOAD").arg(self.sent(call.script));
        both.add_command(call.command.clone());
        both
    }

    fn sent(&self, script: Script) -> String {
        match self.clock.told() {
            Some(_) => script.text_with_clock(),
            None => script.text(),
        }
    }

    /// Notes the hashes that the server answered to [`load`](Self::load): those of the texts, so
    /// every server answers the same.
    pub(crate) fn loaded(&self, hashes: Vec<String>) {
        self.hashes.get_or_init(|| hashes);
    }

    /// A call of a script, for these instances. The arguments follow.
    pub(crate) fn call(&self, script: Script, instances: &[InstanceId]) -> Call {
        let names_one = script.slots().iter().any(|it| matches!(it, Slot::Held));
        let behind = if names_one { &[] } else { instances };
        let behind = behind.iter().map(|instance| self.layout.held(*instance));
        self.call_with(
            script,
            instances.first().copied(),
            &behind.collect::<Vec<_>>(),
        )
    }

    /// A call of a script, for the records of one shelf. The arguments follow.
    pub(crate) fn call_on_shelf(&self, script: Script, shelf: &Name) -> Call {
        self.call_with(script, None, &[self.layout.shelf(shelf)])
    }

    /// A call of a script; these keys stand behind those that it names.
    fn call_with(&self, script: Script, instance: Option<InstanceId>, behind: &[String]) -> Call {
        let hashes = self.hashes.get();
        let hash = hashes.map_or("", |hashes| &hashes[script as usize]);
        let slots = script.slots();
        let mut command = redis::cmd("EVALSHA");
        command.arg(hash).arg(slots.len() + behind.len());
        for slot in slots {
            match (slot, instance) {
                (Slot::Key(key), _) => command.arg(self.layout.key(key)),
                (Slot::Held, Some(instance)) => command.arg(self.layout.held(instance)),
                (Slot::Held, None) => unreachable!("{script:?} is called for an instance"),
            };
        }
        command.arg(behind);
        if let Some(now) = self.clock.told() {
            command.arg(now);
        }
        Call { script, command }
    }
}

/// A call of a script.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    script: Script,
    command: Cmd,
}

impl Call {
    pub(crate) fn arg(&mut self, argument: impl ToRedisArgs) -> &mut Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn command(&self) -> &Cmd {
        &self.command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_is_whole_and_says_what_the_server_has_to_check() {
        for script in Script::ALL {
            let text = script.text();
            assert!(text.starts_with("#!lua"), "{script:?}");
            assert!(!text.contains("--@"), "{script:?}");
        }
        assert!(Script::Insert.text().starts_with("#!lua\n"));
        assert!(Script::Done.text().starts_with("#!lua flags=allow-oom\n"));
    }

    #[test]
    fn no_script_asks_for_the_time_of_the_server_if_it_is_told() {
        for script in Script::ALL {
            assert!(!script.text_with_clock().contains("TIME'"), "{script:?}");
            assert!(script.text_with_clock().starts_with("#!lua"), "{script:?}");
        }
        assert!(Script::InsertOne.text().contains("call('TIME')"));
    }
}
