#!/usr/bin/env python3
"""Tests the tables and functions of the store in PostgreSQL: plain SQL on a server of our own.

Each .sql file in `sql` has tests, named after what they claim. Then many clients work and meddle at
once, after which every job must be in exactly one place and no deadlock was met; and no function may
read a table from end to end, whatever the statistics say."""

import argparse
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "marionette-bench" / "bakeoff"))
from server import Server, found_binaries  # noqa: E402

PARTS = ["schema", "common", "insert", "claim", "renew", "settle", "sweep", "change", "show"]
TESTS = ["insert", "claim", "settle", "sweep", "people"]
SET_UP = "\n".join((HERE.parent / "sql" / f"{part}_1.sql").read_text() for part in PARTS)

# Tables that may be large; people's questions are not among these calls.
CALLS = """
SELECT test.put('{1,2,3}'), test.put('{4}', most => 1000000), test.beat('a');
SELECT test.take(most => 2), test.take(kinds => '{k,l}', most => 2), count(*) FROM marionette.look_1('{k}', NULL);
SELECT test.settle(1, 0), test.settle(2, 2, outcome => 1), test.settle(3, 0, token => 5);
SELECT count(*) FROM marionette.renew_1(test.who('a'), '{}', ARRAY[test.id(1)], '{5}');
SELECT count(*) FROM marionette.beats_1();
SELECT marionette.prune_1(5, ended, id, 5, 10) FROM marionette.beyond_1(10);
SELECT count(*) FROM marionette.ended_1(ARRAY[test.id(1)]);
SELECT * FROM marionette.bury_1(test.who('b'), 5, 10);
SELECT test.change('{1,2}', 'retried');
"""
FILL = """
SELECT test.begin('plans'), test.put('{0}', kind => 'l');
INSERT INTO marionette.job (id, lane, due, accepted, first_due, options, payload)
    SELECT test.id(n + 100), marionette.lane_of_1('q', 'k', 0::int2), n, n, n, '', 'p' FROM generate_series(1, 60000) n;
INSERT INTO marionette.waiting (lane, due, id) SELECT lane, due, id FROM marionette.job WHERE due <= 20000;
INSERT INTO marionette.running SELECT test.who('b'), id, 1, lane, due, 1 FROM marionette.job WHERE due > 20000 AND due <= 40000;
INSERT INTO marionette.ended (id, lane, state, ended, token, settled) SELECT id, lane, 4, 1, 1, true FROM marionette.job WHERE due > 40000 AND due < 60001;
INSERT INTO marionette.attempt SELECT id, 1, 1, 1, 1, 1, 1 FROM marionette.ended;
"""


def run_file(server, name):
    """Runs a file of tests and returns how many there were, and what failed."""
    path = HERE / "sql" / f"{name}.sql"
    done = subprocess.run([server.binaries / "psql", "-XAtq"], input=path.read_text(), text=True,
                          capture_output=True, env=server.environment)
    faults = [line for line in done.stdout.splitlines() if re.match("in |nowhere|no job|waits|a wish|attempts", line)]
    failures = [line for line in done.stderr.splitlines() if not line.startswith(("CONTEXT", "NOTICE"))]
    return path.read_text().count("test.begin("), failures + faults


def stress(server, seconds):
    """Returns what is wrong after many clients worked and meddled."""
    server.sql("SELECT test.begin('stress'); TRUNCATE test.applied")
    scripts = [arg for name, weight in (("work", 3), ("meddle", 2))
               for arg in ("-f", f"{HERE / 'sql' / name}.pgbench@{weight}")]
    done = subprocess.run(
        [server.binaries / "pgbench", "-n", "-M", "prepared", "-c", "8", "-j", "2", "-T", str(seconds), *scripts],
        text=True, capture_output=True, env=server.environment)
    failures = [line for line in done.stderr.splitlines() if "ERROR" in line]
    deadlocks = server.number("SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'")
    if deadlocks:
        log = (server.home / "log").read_text()
        told = log[log.index("deadlock detected"):][:3000] if "deadlock detected" in log else ""
        failures.append(f"{deadlocks:.0f} deadlocks: {told}")
    failures += [row[0] for row in server.sql("SELECT * FROM test.faults() UNION ALL SELECT * FROM test.doubles()")]
    settled = server.number("SELECT count(*) FROM test.applied")
    if settled < 100:
        failures.append(f"only {settled:.0f} jobs were settled")
    return f"{settled:.0f} settlements by 8 clients", failures


def plans(server):
    """Returns the plans that read a whole table."""
    failures = []
    for name, before in (("empty", "SELECT test.begin('plans')"), ("full, not analysed", FILL),
                         ("full, analysed", FILL + "ANALYZE;"), ("analysed when empty", "ANALYZE;" + FILL)):
        server.sql(before)
        done = subprocess.run(
            [server.binaries / "psql", "-XAtq"], text=True, capture_output=True, env=server.environment,
            input="LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET client_min_messages = log;"
                  "SET auto_explain.log_nested_statements = on;" + CALLS)
        if "ERROR" in done.stderr or "plan:" not in done.stderr:
            failures.append(done.stderr[:500])
        for plan in done.stderr.split("LOG:"):
            # In a test's own question anything is right.
            if "test." not in plan.split("plan:")[-1] and (
                    bad := re.search(r"(Seq|Bitmap Heap) Scan on (job|waiting|running|ended|attempt)\b", plan)):
                failures.append(f"{name}: {bad[0]} in {plan.strip()[:600]}")
    return "plans with four kinds of statistics", failures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default=found_binaries(), help="where postgres, psql and pgbench are")
    parser.add_argument("--seconds", type=int, default=8, help="how long the clients work")
    options = parser.parse_args()
    bad = 0
    with Server(options.bin) as server:
        server.sql("CREATE SCHEMA marionette;" + SET_UP)
        server.sql((HERE / "sql" / "helpers.sql").read_text() + (HERE / "sql" / "stress.sql").read_text())
        steps = [(name, lambda name=name: run_file(server, name)) for name in TESTS]
        steps += [("stress", lambda: stress(server, options.seconds)), ("plans", lambda: plans(server))]
        for name, step in steps:
            what, failures = step()
            bad += bool(failures)
            print(f"{'FAILED' if failures else 'ok':<7} {name}: {what}")
            for failure in failures[:10]:
                print(f"    {failure}")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
