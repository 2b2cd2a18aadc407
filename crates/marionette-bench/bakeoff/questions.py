#!/usr/bin/env python3
"""Answers single questions about a PostgreSQL store by a measurement each. See README.md."""

import argparse
import ctypes
import ctypes.util
import statistics
import subprocess
import time
from pathlib import Path

from run import DRAIN, PUT
from server import Server, found_binaries

HERE = Path(__file__).parent


def fresh(server, layout):
    server.sql("DROP SCHEMA IF EXISTS lay CASCADE; CREATE SCHEMA lay; CHECKPOINT;")
    server.sql((HERE / "layouts" / f"{layout}.sql").read_text(), "lay")


def medians(ways, repeat=3):
    """Runs all ways by turns and prints the median of each beside the first."""
    figures = {name: [] for name in ways}
    for _ in range(repeat):
        for name, way in ways.items():
            figures[name].append(way())
    first = statistics.median(next(iter(figures.values())))
    for name, values in figures.items():
        middle = statistics.median(values)
        print(f"  {name:<58} {middle:>9.0f} /s ({min(values):.0f} to {max(values):.0f})  {middle / first:.2f}")


def one_row(server):
    """A one-row commit into both tables (A), by one caller and by more."""
    ids = "\\set t random(1, 4000000000000)\n\\set h random(1, 4000000000000)\n"
    uuid = "lpad(to_hex(:t::int8), 16, '0')::text || lpad(to_hex(:h::int8), 16, '0')"
    two = ids + f"""BEGIN;
INSERT INTO job (id, lane, due, accepted, first_due, options, payload)
    VALUES (({uuid})::uuid, 1, :t, :t, :t, '\\x00', '\\x01');
INSERT INTO waiting VALUES (1, :t, 0, ({uuid})::uuid);
COMMIT;
"""
    cte = ids + f"""WITH new AS (INSERT INTO job (id, lane, due, accepted, first_due, options, payload)
    VALUES (({uuid})::uuid, 1, :t, :t, :t, '\\x00', '\\x01') ON CONFLICT (id) DO NOTHING RETURNING id)
    INSERT INTO waiting SELECT 1, :t, 0, id FROM new;
"""
    call = ids + f"SELECT put(ARRAY[({uuid})::uuid]);\n"
    piped = two.replace("BEGIN;", "\\startpipeline\nBEGIN;") + "\\endpipeline\n"

    def way(script, clients, after=""):
        def run():
            fresh(server, "split")
            server.sql(after, "lay")
            return server.pgbench(script, "lay", clients, 0, seconds=4)
        return run
    for clients in (1, 8):
        print(f"one-row commits, {clients} connection(s)")
        medians({"one call of a function": way(call, clients), "a function without SET clauses": way(call, clients, BARE),
                 "one statement with a CTE": way(cte, clients),
                 "four statements, four round trips": way(two, clients),
                 "four statements in one pipeline": way(piped, clients)})


def rows(server):
    """64 rows a statement and 1,000 rows a statement on two connections (B, C)."""
    def way(batch, clients):
        def run():
            fresh(server, "split")
            each = 100_000 // batch // clients
            return batch * server.pgbench(PUT, "lay", clients, each, {"batch": batch, "clients": clients, "i": 0})
        return run
    server.sql("SELECT bake.fill_pool(100000, 64)")
    print("rows a second, batches by two connections (B: 64, C: 1,000)")
    medians({"64 a call": way(64, 2), "1,000 a call": way(1_000, 2)})


class Libpq:
    """The few calls of libpq for texts that pgbench cannot send."""

    def __init__(self, server):
        self.lib = ctypes.CDLL(ctypes.util.find_library("pq") or "libpq.so.5")
        for name in ("PQconnectdb", "PQexec", "PQexecParams", "PQgetResult"):
            getattr(self.lib, name).restype = ctypes.c_void_p
        self.lib.PQerrorMessage.restype = ctypes.c_char_p
        self.connection = ctypes.c_void_p(self.lib.PQconnectdb(
            f"host={server.home} port={server.port} user=bake dbname=postgres options='-c search_path=lay'".encode()))

    def checked(self, result):
        status = self.lib.PQresultStatus(ctypes.c_void_p(result))
        assert status in (1, 2, 4), self.lib.PQerrorMessage(self.connection)
        self.lib.PQclear(ctypes.c_void_p(result))

    def run(self, text):
        self.checked(self.lib.PQexec(self.connection, text.encode()))

    def call(self, text, *texts):
        values = (ctypes.c_char_p * len(texts))(*texts)
        self.checked(self.lib.PQexecParams(self.connection, text.encode(), len(texts), None, values, None, None, 0))

    def copy(self, text, data):
        self.checked(self.lib.PQexec(self.connection, text.encode()))
        self.lib.PQputCopyData(self.connection, data, len(data))
        self.lib.PQputCopyEnd(self.connection, None)
        self.checked(self.lib.PQgetResult(self.connection))
        while rest := self.lib.PQgetResult(self.connection):
            self.checked(rest)


def copy(server):
    """1,000 rows by unnest of arrays against COPY, through libpq, with texts made beforehand."""
    calls = []
    for n in range(100):
        ids = [f"01990000-{n:04x}-7000-8000-{i:012x}" for i in range(1_000)]
        arrays = ("{" + ",".join(ids) + "}", "{" + ",".join(['"\\\\x' + "6f" * 40 + '"'] * 1_000) + "}",
                  "{" + ",".join(['"\\\\x' + "70" * 64 + '"'] * 1_000) + "}")
        lines = "".join(f"{id}\t1\t5\t5\t5\t\\\\x{'6f' * 40}\t\\\\x{'70' * 64}\n" for id in ids)
        calls.append(([a.encode() for a in arrays], lines.encode(), "".join(f"1\t5\t0\t{id}\n" for id in ids).encode()))
    columns = "(id, lane, due, accepted, first_due, options, payload)"
    unnest = (f"WITH new AS (INSERT INTO job {columns} SELECT u.id, 1, 5, 5, 5, o, p "
              "FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) u(id, o, p) ON CONFLICT (id) DO NOTHING RETURNING id) "
              "INSERT INTO waiting SELECT 1, 5, 0, id FROM new")
    through = (f"WITH new AS (INSERT INTO job {columns} SELECT * FROM fresh ON CONFLICT (id) DO NOTHING RETURNING id) "
               "INSERT INTO waiting SELECT 1, 5, 0, id FROM new")

    def way(body):
        def run():
            fresh(server, "split")
            pq = Libpq(server)
            pq.run("CREATE TEMP TABLE fresh (id uuid, lane int8, due int8, accepted int8, first_due int8, "
                   "options bytea, payload bytea) ON COMMIT DELETE ROWS")
            begun = time.monotonic()
            for arrays, lines, places in calls:
                body(pq, arrays, lines, places)
            took = time.monotonic() - begun
            pq.lib.PQfinish(pq.connection)
            return 100_000 / took
        return run

    def into_temporary(pq, _arrays, lines, _places):
        pq.run("BEGIN")
        pq.copy("COPY fresh FROM STDIN", lines)
        pq.run(through)
        pq.run("COMMIT")

    def direct(pq, _arrays, lines, places):
        pq.run("BEGIN")
        pq.copy(f"COPY job {columns} FROM STDIN", lines)
        pq.copy("COPY waiting FROM STDIN", places)
        pq.run("COMMIT")
    print("1,000 rows a commit, one connection")
    medians({"unnest of arrays": way(lambda pq, arrays, _l, _p: pq.call(unnest, *arrays)),
             "COPY into a temporary table, then the same": way(into_temporary),
             "COPY into both tables (no ON CONFLICT)": way(direct)})


def claims(server):
    """A claim as a function against one statement, and one of 1, 10 and 100 jobs."""
    body = (HERE / "layouts" / "split.sql").read_text().split("RETURN QUERY")[1].split("SELECT p.id, at")[0]
    for name, value in {"most": ":batch", "low\n": ":low\n", "w, id, at": ":client_id, id, bake.now_us()",
                        "due, at FROM": "due, bake.now_us() FROM", "<= at": "<= bake.now_us()"}.items():
        body = body.replace(name, value)
    relaxed = "WITH relaxed AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)), picked"
    alone = body.replace("WITH picked", relaxed) + (
        "SELECT coalesce(max(p.due), :low) AS low, sum(length(j.payload)) AS bytes FROM relaxed, picked p "
        "CROSS JOIN LATERAL (SELECT payload FROM job WHERE id = p.id OFFSET 0) j \\gset\n")
    called = ("SELECT coalesce(max(due), :low) AS low, sum(length(payload)) AS bytes "
              "FROM take(:client_id, :batch, :low) \\gset\n")

    def way(script, batch, after=""):
        def run():
            fresh(server, "split")
            server.sql(after, "lay")
            server.sql("SELECT put(ids) FROM bake.pool WHERE size = 1000", "lay")
            each = min(3_000, 100_000 // batch - 10)
            return server.pgbench(script, "lay", 1, each, {"batch": batch, "low": 0})
        return run
    for batch in (1, 10, 100):
        print(f"claims of {batch} job(s), one connection")
        medians({"function": way(called, batch), "function without SET clauses": way(called, batch, BARE),
                 "one statement": way(alone, batch)})


def elsewhere(server):
    """A claim and settle of 10 beside a million jobs that wait or have ended elsewhere."""
    fill = {
        "split": ("INSERT INTO waiting SELECT 2 + i % 50, i, 0, bake.timed_uuid(i) FROM generate_series(1, 1000000) i",
                  "INSERT INTO ended SELECT bake.timed_uuid(i), 2, 4, i, 1, 1 FROM generate_series(1, 1000000) i"),
        "one-place": ("INSERT INTO place SELECT 2 + i % 50, i, 0, bake.timed_uuid(i) FROM generate_series(1, 1000000) i",
                      "INSERT INTO ended SELECT bake.timed_uuid(i), 2, 4, i, 1, 1 FROM generate_series(1, 1000000) i"),
        "one-table": tuple(f"INSERT INTO job SELECT bake.timed_uuid(i), 2 + i % 50, i, 0, {state}, i, i, NULL, 0, 0, "
                           "NULL, NULL, i, 1, '\\x00', '\\x01' FROM generate_series(1, 1000000) i" for state in (0, 4)),
    }
    script = DRAIN.format(kept="true", low=":low")

    def way(layout, filled):
        def run():
            fresh(server, layout)
            for statement in filled:
                server.sql(statement, "lay")
            server.sql("ANALYZE; CHECKPOINT;")
            server.sql("SELECT put(ids) FROM bake.pool WHERE size = 1000 AND n < 20", "lay")
            return server.pgbench(script, "lay", 1, 1_500, {"batch": 10, "low": 0})
        return run
    for layout, (waiting, ended) in fill.items():
        print(f"claim and settle of 10 jobs in {layout}")
        medians({"nothing else there": way(layout, ()), "a million waiting in other lanes": way(layout, (waiting,)),
                 "a million ended": way(layout, (ended,))})


def pinned(server):
    """Insert, claim and settle at full speed, with and without a snapshot that stays open."""
    put = "\\set i :i + 1\nSELECT put(bake.ids(:batch));\n"
    script = put + DRAIN.replace("'{{}}'", "'{{{{}}}}'").format(kept="true", low="{low}")
    rescan = "\\if :i % 300 = 0\n\\set low 0\n\\endif\n"
    print("jobs a second, 100 a call, insert + claim + settle by 2 connections for 25 s")

    def way(layout, is_pinned, hint):
        def run():
            fresh(server, layout)
            holder = server.pin() if is_pinned else None
            text = (rescan if hint else "") + script.format(low=":low" if hint else "0")
            tps = server.pgbench(text, "lay", 2, 0,
                                 {"batch": 100, "clients": 2, "i": 0, "low": 0}, seconds=25)
            if holder:
                server.unpin(holder)
            return tps * 100
        return run
    for layout in ("split", "one-place"):
        print(layout)
        medians({"hint, rescan each 300 claims": way(layout, False, True),
                 "hint, pinned": way(layout, True, True),
                 "no hint": way(layout, False, False),
                 "no hint, pinned": way(layout, True, False)}, repeat=1)


def notify(server):
    """NOTIFY inside the inserting transaction, in one of its own pipelined behind it, and none."""
    call = "SELECT put(ARRAY[gen_random_uuid()]);\n"
    inside = "SELECT pg_notify('jobs', '1');\n"
    behind = "BEGIN;\nSELECT set_config('synchronous_commit', 'off', true), pg_notify('jobs', '1');\nCOMMIT;\n"
    pipe = "\\startpipeline\nBEGIN;\n{}COMMIT;\n{}\\endpipeline\n"

    def way(script, clients):
        def run():
            fresh(server, "split")
            listener = subprocess.Popen(
                [server.binaries / "psql", "-XAtq", "-c", "LISTEN jobs", "-c", "SELECT pg_sleep(5)"],
                env=server.environment, stdout=subprocess.DEVNULL)
            tps = server.pgbench(script, "lay", clients, 0, seconds=4)
            listener.kill()
            listener.wait()
            return tps
        return run
    for clients in (1, 8, 32):
        print(f"one-row inserts a second, {clients} connection(s), one listener")
        medians({"no NOTIFY": way(pipe.format(call, ""), clients),
                 "NOTIFY in the same transaction": way(pipe.format(call + inside, ""), clients),
                 "NOTIFY in its own, behind it in the pipeline": way(pipe.format(call, behind), clients)})


def store(server):
    """The store's own functions, with all that they promise, against the raw ones of `split`."""
    parts = ["schema", "common", "insert", "claim", "renew", "settle", "sweep"]
    sql = HERE.parents[1] / "marionette-postgres" / "sql"
    columns = "array_fill({}, ARRAY[cardinality(ids)])"
    adapters = f"""
CREATE FUNCTION put(ids uuid[]) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
    PERFORM marionette.insert_1(ids, {columns.format(1)}, {columns.format("NULL::int8")}, {columns.format("0::int8")},
        {columns.format("NULL::int8")}, {columns.format("repeat('o', 40)::bytea")},
        {columns.format("repeat('p', 64)::bytea")}, NULL, '{{q}}', '{{k}}', '{{0}}');
    RETURN 0; END $$;
CREATE FUNCTION who(w int8) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT md5(w::text)::uuid $$;
SELECT marionette.renew_1(who(w), '{{}}', '{{}}', '{{}}') FROM generate_series(0, 9) w;
"""
    drain = """\
SELECT coalesce(array_agg(id ORDER BY id), '{}') AS ids, coalesce(max(due), 0) AS low, max(token) AS token,
    coalesce(max(lane), 0) AS lane, sum(length(payload)) AS bytes, count(*) AS n
    FROM marionette.claim_1(who(:client_id), '{k}', NULL, :batch, 1, ARRAY[:lane::int8], ARRAY[:low::int8]) \\gset
SELECT cardinality(marionette.settle_1(:ids, array_fill(who(:client_id), ARRAY[:n::int4]), array_fill(:token::int8, ARRAY[:n::int4]),
    array_fill(0::int2, ARRAY[:n::int4]), array_fill('ok'::bytea, ARRAY[:n::int4]), array_fill(NULL::int2, ARRAY[:n::int4]),
    array_fill(NULL::int8, ARRAY[:n::int4]), array_fill(NULL::int8, ARRAY[:n::int4]), array_fill(5::int8, ARRAY[:n::int4]),
    array_fill(0::int2, ARRAY[:n::int4]), array_fill(NULL::bytea, ARRAY[:n::int4])));
"""
    def way(ours, script, batch, clients, phase):
        def run():
            fresh(server, "split")
            if ours:
                server.sql("DROP SCHEMA IF EXISTS marionette CASCADE; CREATE SCHEMA marionette;")
                server.sql("\n".join((sql / f"{part}_1.sql").read_text() for part in parts))
                server.sql("DROP FUNCTION put;" + adapters, "lay")
            values = {"batch": batch, "clients": clients, "i": 0, "low": 0, "lane": 0}
            each = 100_000 // batch // clients
            put = server.pgbench(PUT, "lay", clients, each, values)
            return batch * (put if phase == "put" else server.pgbench(script, "lay", clients, each, values))
        return run
    raw = DRAIN.format(kept="true", low=":low")
    for batch, clients in ((100, 1), (1_000, 1), (1_000, 4)):
        print(f"jobs a second, {batch} a call, {clients} connection(s)")
        medians({"insert, raw": way(False, raw, batch, clients, "put"), "insert_1": way(True, drain, batch, clients, "put")})
        medians({"claim and settle, raw": way(False, raw, batch, clients, "drain"),
                 "claim_1 and settle_1": way(True, drain, batch, clients, "drain")})


def fsync(server):
    """What a sync costs on this disk."""
    done = subprocess.run([server.binaries / "pg_test_fsync", "-s", "1", "-f", server.home / "probe"],
                          text=True, capture_output=True)
    for line in done.stdout.splitlines():
        if "ops/sec" in line or "8kB" in line:
            print(" ", line.strip())


BARE = "ALTER FUNCTION put RESET ALL; ALTER FUNCTION take RESET ALL;"

QUESTIONS = [fsync, one_row, rows, copy, claims, notify, elsewhere, pinned, store]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("questions", nargs="*", help=", ".join(one.__name__ for one in QUESTIONS))
    parser.add_argument("--bin", default=found_binaries(), help="where postgres and pgbench are")
    options = parser.parse_args()
    with Server(options.bin) as server:
        server.sql((HERE / "common.sql").read_text())
        for size in (100, 1_000):
            server.sql(f"SELECT bake.fill_pool(100000, {size})")
        for question in QUESTIONS:
            if not options.questions or question.__name__ in options.questions:
                question(server)


if __name__ == "__main__":
    main()
