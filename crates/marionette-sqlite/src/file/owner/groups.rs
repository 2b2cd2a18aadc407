//! Groups with one member: a file that such a group may write, nobody else may write.

use std::fs;

use nix::unistd::{getegid, geteuid};

/// Whether this is the group of this user alone, as far as the lists of this machine tell. Its
/// permissions are then the user's own, as many systems set them for all files of a user.
pub(super) fn is_private(group: u32) -> bool {
    let user = geteuid().as_raw();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    is_private_in(&users, &groups, user, getegid().as_raw(), group)
}

fn is_private_in(users: &str, groups: &str, user: u32, its_group: u32, group: u32) -> bool {
    let mut is_its = group == its_group;
    let mut names = Vec::new();
    for line in users.lines() {
        let mut fields = line.split(':');
        let name = fields.next().unwrap_or_default();
        let number = |field: Option<&str>| field.and_then(|field| field.parse::<u32>().ok());
        let (id, primary) = (number(fields.nth(1)), number(fields.next()));
        if id == Some(user) {
            names.push(name);
            is_its |= primary == Some(group);
        // Users of the system have the group of root on some systems, and nobody logs in as them.
        } else if primary == Some(group) && user != 0 {
            return false;
        }
    }
    is_its && members(groups, group).all(|member| names.contains(&member))
}

/// The listed members of a group.
fn members(groups: &str, group: u32) -> impl Iterator<Item = &str> {
    let lines = groups.lines().filter(move |line| {
        let number = line.split(':').nth(2);
        number.and_then(|number| number.parse().ok()) == Some(group)
    });
    let members = lines.flat_map(|line| line.split(':').nth(3).unwrap_or_default().split(','));
    members.map(str::trim).filter(|member| !member.is_empty())
}

/// The name of a group, where it stands in the list of this machine.
pub(super) fn name(group: u32) -> Option<String> {
    let groups = fs::read_to_string("/etc/group").ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(group)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0:root:/root:/bin/sh\n\
        operator:x:11:0::/:/sbin/nologin\n\
        ada:x:1000:1000::/home/ada:/bin/sh\n\
        bob:x:1001:1001::/home/bob:/bin/sh\n\
        carl:x:1002:100::/home/carl:/bin/sh\n\
        dora:x:1003:100::/home/dora:/bin/sh\n";
    const GROUPS: &str = "root:x:0:\nusers:x:100:\nada:x:1000:\nbob:x:1001:carl\nwork:x:200:ada\n\
        own:x:1004:ada\n";

    #[test]
    fn a_group_of_one_is_private_and_one_with_others_is_not() {
        let is_private =
            |user, its_group, group| is_private_in(USERS, GROUPS, user, its_group, group);
        assert!(is_private(1000, 1000, 1000), "her own");
        assert!(
            is_private(1000, 200, 1000),
            "her own, while she acts for another"
        );
        assert!(!is_private(1000, 1000, 200), "one that she is a member of");
        assert!(
            !is_private(1001, 1001, 1001),
            "somebody else is a member of it"
        );
        assert!(!is_private(1002, 100, 100), "somebody else has it too");
        assert!(is_private(0, 0, 0), "that of root");
        assert!(!is_private(0, 0, 200));
        assert!(
            is_private(70_001, 70_001, 70_001),
            "a user who is in no list"
        );
        assert!(!is_private(70_001, 70_001, 1000));
        assert!(is_private_in("", "", 5, 5, 5), "there are no lists");
    }
}
