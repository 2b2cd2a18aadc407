#!/usr/bin/env python3
"""Compares layouts of a PostgreSQL store by the life of a job. See README.md."""

import argparse
import itertools
import json
import statistics
import sys
import time
from pathlib import Path

from server import Server, found_binaries

HERE = Path(__file__).parent
LAYOUTS = ["split", "one-table", "split-brin", "moved-body", "split-in-place", "one-place"]

PUT = """\
\\set n :client_id + :clients * :i
\\set i :i + 1
SELECT put((SELECT ids FROM bake.pool WHERE size = :batch AND n = :n));
"""
# `low` is the hint below which nothing of this lane waits: the due of the last job it got.
DRAIN = """\
SELECT coalesce(array_agg(id ORDER BY id), '{{}}') AS ids, coalesce(max(due), 0) AS low,
    sum(length(payload)) AS bytes FROM take(:client_id, :batch, {low}) \\gset
SELECT finish(:client_id, :ids, {kept});
"""


def measured(server, jobs, body):
    """Runs a phase and returns its figures for each job."""
    syncs = "SELECT wal_sync FROM pg_stat_wal"
    if server.version >= 180000:
        syncs = "SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal'"
    before = server.number("SELECT pg_current_wal_insert_lsn() - '0/0'"), server.processor_seconds()
    synced = server.number(syncs)
    tps = body()
    cpu = server.processor_seconds() - before[1]
    wal = server.number("SELECT pg_current_wal_insert_lsn() - '0/0'") - before[0]
    return {
        "calls": tps, "cpu_us": cpu / jobs * 1e6, "wal": wal / jobs,
        "syncs": server.number(syncs) - synced,
    }


def cell(server, layout, batch, kept, pinned, clients, jobs, hint):
    """One life of so many jobs in a layout that was made for it."""
    server.sql(f"DROP SCHEMA IF EXISTS lay CASCADE; CREATE SCHEMA lay; CHECKPOINT;")
    server.sql((HERE / "layouts" / f"{layout}.sql").read_text(), "lay")
    bytes_of = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relnamespace = 'lay'::regnamespace AND relkind = 'r'"
    holder = server.pin() if pinned else None
    each = jobs // batch // clients
    values = {"batch": batch, "clients": clients, "i": 0, "low": 0}
    put = measured(server, jobs, lambda: server.pgbench(PUT, "lay", clients, each, values))
    waiting = server.number(bytes_of) / jobs
    script = DRAIN.format(kept="true" if kept else "false", low=":low" if hint else "0")
    drain = measured(server, jobs, lambda: server.pgbench(script, "lay", clients, each, values))
    ended = server.number(bytes_of) / jobs
    if holder:
        server.unpin(holder)
    time.sleep(0.1)
    left = "SELECT sum(n_tup_upd + n_tup_del), sum(n_dead_tup) FROM pg_stat_user_tables WHERE schemaname = 'lay'"
    versions, dead = (float(x or 0) for x in server.sql(left)[0])
    rows = server.sql("SELECT relname, n_live_tup FROM pg_stat_user_tables WHERE schemaname = 'lay' ORDER BY 1")
    return {
        "layout": layout, "batch": batch, "kept": kept, "pinned": pinned, "clients": clients,
        "hint": hint, "put_s": put["calls"] * batch, "drain_s": drain["calls"] * batch,
        "put_wal": put["wal"], "drain_wal": drain["wal"], "put_cpu": put["cpu_us"],
        "drain_cpu": drain["cpu_us"], "put_syncs": put["syncs"] / (jobs / batch),
        "drain_syncs": drain["syncs"] / (jobs / batch), "waiting_bytes": waiting,
        "after_bytes": ended, "dead_made": versions / jobs, "dead_left": dead / jobs, "rows": rows,
    }


def table(results):
    """The medians, one line for each cell."""
    keys = ["batch", "kept", "pinned", "clients", "hint", "layout"]
    cells = {}
    for result in results:
        cells.setdefault(tuple(result[key] for key in keys), []).append(result)
    print("batch kept pinned conns hint layout          | put/s  drain/s (min-max)      | WAL put+drain | CPU us put+drain"
          " | syncs/call | dead/job | bytes waiting, after")
    for key, runs in sorted(cells.items(), key=lambda pair: pair[0][:5]):
        middle = {name: statistics.median(run[name] for run in runs)
                  for name in runs[0] if isinstance(runs[0][name], float)}
        drains = [run["drain_s"] for run in runs]
        print("{:>5} {:<5} {:<5} {:>3} {:<5} {:<15}".format(*map(str, key)),
              "| {put_s:>7.0f} {drain_s:>7.0f}".format(**middle), f"({min(drains):.0f}-{max(drains):.0f})",
              "| {put_wal:>4.0f} + {drain_wal:<4.0f} | {put_cpu:>4.1f} + {drain_cpu:<4.1f}".format(**middle),
              "| {drain_syncs:>4.2f} | {dead_made:>4.2f} | {waiting_bytes:>4.0f} {after_bytes:>4.0f}".format(**middle))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default=found_binaries(), help="where postgres and pgbench are")
    parser.add_argument("--layouts", default=",".join(LAYOUTS))
    parser.add_argument("--batches", default="100,1000")
    parser.add_argument("--clients", default="1,4")
    parser.add_argument("--kept", default="true,false")
    parser.add_argument("--pinned", default="false,true")
    parser.add_argument("--hint", default="true", help="whether a claim names the last due that it got")
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--results", help="a file to which each result is appended, and all of which is printed")
    options = parser.parse_args()
    truth = lambda text: [word == "true" for word in text.split(",")]
    numbers = lambda text: [int(word) for word in text.split(",")]
    results = []
    with Server(options.bin) as server:
        server.version = server.number("SHOW server_version_num")
        server.sql((HERE / "common.sql").read_text())
        for batch in numbers(options.batches):
            server.sql(f"SELECT bake.fill_pool({options.jobs}, {batch})")
        cells = list(itertools.product(
            numbers(options.batches), truth(options.kept), truth(options.pinned),
            numbers(options.clients), truth(options.hint), options.layouts.split(",")))
        for _ in range(options.repeat):
            for batch, kept, pinned, clients, hint, layout in cells:
                result = cell(server, layout, batch, kept, pinned, clients, options.jobs, hint)
                results.append(result)
                if options.results:
                    with open(options.results, "a") as file:
                        file.write(json.dumps(result) + "\n")
                print(".", end="", flush=True, file=sys.stderr)
        print(file=sys.stderr)
    if options.results:
        results = [json.loads(line) for line in open(options.results)]
    table(results)


if __name__ == "__main__":
    main()
