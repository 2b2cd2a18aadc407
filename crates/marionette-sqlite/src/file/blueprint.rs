//! The blueprint of our tables, as this library makes them, to be compared with the schema of a
//! file.
//!
//! SQLite runs what a schema says: a view in the place of a table, a trigger, an expression of an
//! index. So a file is asked nothing before its schema was found to be ours.

use std::path::Path;
use std::sync::OnceLock;

use marionette::store::StoreError;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};

use super::statement::words;
use crate::error::store_error;
use crate::options::Additions;

/// The prefix of all our names.
pub(super) const OURS: &str = "marionette_";
/// The table that has the version; it is the same in all versions.
pub(crate) const META: &str = "marionette_meta";
/// How many characters of somebody else's name are shown.
const SHOWN_MAX: usize = 60;

/// A row of SQLite's schema table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Object {
    kind: String,
    name: String,
    table: String,
    /// The words of its SQL; `None` if SQLite made the object by itself.
    sql: Option<Vec<String>>,
}

/// The objects of a file that have our names, or are on our tables.
#[derive(Debug)]
pub(crate) struct Blueprint(Vec<Object>);

impl Blueprint {
    /// The blueprint of a file, or of tables that this library has just made.
    pub(crate) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let mut statement = connection.prepare(include_str!("../sql/objects.sql"))?;
        let objects = statement.query_map([], Object::read)?;
        let mut objects = objects.collect::<rusqlite::Result<Vec<_>>>()?;
        objects.sort_unstable();
        Ok(Self(objects))
    }

    /// Whether there is a table of versions, or another object of that name.
    pub(crate) fn has_meta(&self) -> bool {
        self.0.iter().any(|object| object.name == META)
    }

    /// The fault, if this is not the expected blueprint; additions are no fault.
    pub(crate) fn fault(&self, expected: &Self) -> Option<String> {
        let added = |object: &&Object| object.is_addition() && !expected.0.contains(object);
        let mut own = self.0.iter().filter(|object| !added(object));
        if let Some(object) = own.find(|object| !expected.0.contains(object)) {
            return Some(object.describe_fault(&expected.0));
        }
        let missing = expected.0.iter().find(|ours| !self.0.contains(ours));
        let missing = missing.map(|ours| format!("the {} {} is missing", ours.kind, ours.name));
        let twice = self.0.windows(2).find(|pair| pair[0] == pair[1]);
        missing.or_else(|| twice.map(|pair| format!("{} is there twice", shown(&pair[0].name))))
    }

    /// The first object that somebody added to our tables.
    fn addition(&self) -> Option<&Object> {
        self.0.iter().find(|object| object.is_addition())
    }

    /// The part of the table of versions.
    pub(crate) fn meta(&self) -> Self {
        let objects = self.0.iter();
        let meta = objects.filter(|object| object.name == META || object.table == META);
        Self(meta.cloned().collect())
    }
}

impl Object {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            kind: text(row.get_ref(0)?),
            name: text(row.get_ref(1)?),
            table: text(row.get_ref(2)?),
            sql: match row.get_ref(3)? {
                ValueRef::Null => None,
                sql => Some(words(&text(sql))),
            },
        })
    }

    /// Whether the object is a trigger or an index that somebody added to a table of ours.
    fn is_addition(&self) -> bool {
        let is_own_name = self.name.to_ascii_lowercase().starts_with(OURS);
        !is_own_name && self.sql.is_some() && matches!(&*self.kind, "trigger" | "index")
    }

    /// The fault of this object, which is not among the expected ones.
    fn describe_fault(&self, expected: &[Self]) -> String {
        let (kind, name) = (self.shown_kind(), shown(&self.name));
        match expected.iter().find(|ours| ours.name == self.name) {
            None => format!("there is {kind} {name} that this library does not make"),
            Some(ours) if ours.kind != self.kind => format!("{name} is {kind}"),
            Some(ours) => format!("the {} {name} is not as it is made", ours.kind),
        }
    }

    fn shown_kind(&self) -> &'static str {
        match &*self.kind {
            "table" => "a table",
            "index" => "an index",
            "view" => "a view",
            "trigger" => "a trigger",
            _ => "something",
        }
    }
}

/// An error if somebody added an object that works on our tables, unless additions are trusted.
pub(crate) fn check_additions(
    found: &Blueprint,
    connection: &Connection,
    path: &Path,
    additions: Additions,
) -> Result<(), StoreError> {
    let failed = |err| store_error(path, err);
    let shared = connection
        .query_row(include_str!("../sql/shared_pages.sql"), [], |row| {
            Ok(text(row.get_ref(0)?))
        })
        .optional()
        .map_err(failed)?;
    if let Some(name) = shared {
        let what = format!("{} has no page of its own", shown(&name));
        return Err(not_ours(path, &what));
    }
    if additions == Additions::Trusted {
        return Ok(());
    }
    if let Some(object) = found.addition() {
        let (kind, name) = (object.shown_kind(), shown(&object.name));
        return Err(added(
            path,
            &format!("{kind} {name} on {}", shown(&object.table)),
        ));
    }
    let key = connection
        .query_row(include_str!("../sql/foreign_keys.sql"), [], |row| {
            Ok((text(row.get_ref(0)?), text(row.get_ref(1)?)))
        })
        .optional()
        .map_err(failed)?;
    key.map_or(Ok(()), |(from, to)| {
        Err(added(
            path,
            &format!("a foreign key of {} to {}", shown(&from), shown(&to)),
        ))
    })
}

/// The error for a schema that is not ours.
pub(crate) fn not_ours(path: &Path, what: &str) -> StoreError {
    let path = path.display();
    StoreError::broken(format!(
        "{path}: its tables are not those that this library makes, so nothing is done with it: \
         {what}"
    ))
}

fn added(path: &Path, what: &str) -> StoreError {
    let path = path.display();
    StoreError::refused(format!(
        "{path}: there is {what}, which would run, or slow down, whatever the store does: drop it, \
         or, if the application has made it, trust it (`SqliteOptions::trust_additions`, or \
         `--trust-additions` of the command)"
    ))
}

/// The blueprint of a version, from 1 on, as this library makes it.
pub(crate) fn expected(
    version: u32,
    make: impl Fn(&Connection, u32) -> rusqlite::Result<()>,
    newest: u32,
) -> rusqlite::Result<&'static Blueprint> {
    static ALL: OnceLock<Vec<Blueprint>> = OnceLock::new();
    static NONE: Blueprint = Blueprint(Vec::new());
    if version == 0 {
        return Ok(&NONE);
    }
    let all = if let Some(all) = ALL.get() {
        all
    } else {
        let made = (1..=newest).map(|version| {
            let connection = Connection::open_in_memory()?;
            make(&connection, version)?;
            Blueprint::of(&connection)
        });
        let made = made.collect::<rusqlite::Result<Vec<_>>>()?;
        ALL.get_or_init(|| made)
    };
    let index = version as usize - 1;
    all.get(index).ok_or(rusqlite::Error::QueryReturnedNoRows)
}

/// A value as a text. One that is no text is not equal to any of ours.
fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => format!("{:?}", other.data_type()),
    }
}

/// A name that somebody else chose, made safe to print.
fn shown(name: &str) -> String {
    let short: String = name.chars().take(SHOWN_MAX).collect();
    let more = if short.len() < name.len() { "…" } else { "" };
    format!("{short:?}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_somebody_else_can_be_printed() {
        assert_eq!(shown("a\u{1b}]52;\u{202e}"), r#""a\u{1b}]52;\u{202e}""#);
        assert!(shown(&"x".repeat(1000)).len() < 70);
    }
}
