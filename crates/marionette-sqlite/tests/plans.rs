//! Every statement of the store names the index that serves it, and SQLite uses that one.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Place, version_1};
use marionette_sqlite::rusqlite::{self, Connection};

struct Statement {
    name: String,
    text: String,
    header: Vec<(String, String)>,
}

impl Statement {
    fn field(&self, name: &str) -> &str {
        let found = self.header.iter().find(|(field, _)| field == name);
        let Some((_, text)) = found else {
            panic!("{} has no line `-- {name}: …`", self.name);
        };
        text
    }
}

fn statements() -> Vec<Statement> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sql");
    let entries = fs::read_dir(directory).expect("the statements are there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let statements = paths.filter(|path: &PathBuf| !is_schema(path));
    statements.map(|path| statement(&path)).collect()
}

fn is_schema(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with("schema_"))
}

fn statement(path: &Path) -> Statement {
    let text = fs::read_to_string(path).expect("it can be read");
    let comments = text.lines().filter_map(|line| line.strip_prefix("-- "));
    let fields = comments.filter_map(|line| line.split_once(": "));
    let fields = fields.map(|(name, text)| (name.to_owned(), text.to_owned()));
    Statement {
        name: path.display().to_string(),
        header: fields.collect(),
        text,
    }
}

#[tokio::test]
async fn every_statement_uses_the_index_that_it_names() {
    let place = Place::new();
    drop(place.open().await);
    check_statements(&place);
}

#[tokio::test]
async fn every_statement_uses_its_index_in_a_file_that_was_migrated() {
    let place = Place::new();
    version_1::make(&place.path());
    drop(place.open().await);
    check_statements(&place);
}

fn check_statements(place: &Place) {
    let connection = Connection::open(place.path()).expect("it is a database");
    let all = statements();
    assert!(all.len() > 30, "{} statements", all.len());
    for statement in all {
        let plan = plan(&connection, &statement);
        let index = statement.field("index");
        statement.field("arguments");
        statement.field("result");
        let used = match index.split_once(" of ") {
            Some(("the rowid", _)) => plan.contains("USING INTEGER PRIMARY KEY"),
            Some(("the primary key", _)) => plan.contains("USING PRIMARY KEY"),
            Some(("the unique one", _)) => plan.is_empty(),
            Some(("a search for the highest rowid", table)) => plan == format!("SEARCH {table}"),
            _ if index.starts_with("a scan of ") => {
                assert!(index.contains("which has a row for each "), "{index}");
                plan.starts_with("SCAN ")
            }
            _ => plan.contains(&format!("INDEX {index}")),
        };
        // An upsert and an insert into a table with a primary key search by themselves.
        let inserts = plan.is_empty() && statement.text.contains("INSERT INTO");
        assert!(
            used || inserts,
            "{}: {index:?}, but {plan:?}",
            statement.name
        );
        let scans = plan.lines().filter(|line| line.starts_with("SCAN "));
        for scan in scans {
            let whole = index.starts_with("a scan of ")
                || scan.contains("USING COVERING INDEX marionette_job_")
                || scan.contains("USING INDEX marionette_job_running")
                || !scan.contains("marionette_");
            assert!(whole, "{}: {scan}", statement.name);
        }
        assert!(
            !plan.contains("TEMP B-TREE"),
            "{} sorts: {plan}",
            statement.name
        );
    }
}

fn plan(connection: &Connection, statement: &Statement) -> String {
    let explain = format!("EXPLAIN QUERY PLAN {}", statement.text);
    let mut prepared = connection.prepare(&explain).expect("it is SQL");
    let arguments = prepared.parameter_count();
    let mut rows = prepared.query(rusqlite::params_from_iter(std::iter::repeat_n(
        1, arguments,
    )));
    let mut plan = Vec::new();
    let rows = rows.as_mut().expect("it can be explained");
    while let Some(row) = rows.next().expect("it can be explained") {
        let step: String = row.get(3).expect("the plan is a text");
        // The rows that a statement brings with it are no table.
        if !step.ends_with("-ROW VALUES CLAUSE") {
            plan.push(step);
        }
    }
    plan.join("\n")
}
