"""A PostgreSQL server of our own: in a temporary directory, on a free port, ended at the end."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

# What a busy server would have anyway. Syncs, commits and autovacuum are as PostgreSQL has them,
# but autovacuum looks every 5 s, since a run is over before its usual minute is.
SETTINGS = {
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "autovacuum_naptime": "5s",
    "jit": "off",
    "logging_collector": "off",
}


def found_binaries():
    """The directory of the newest PostgreSQL of this machine."""
    roots = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    if roots:
        return roots[-1]
    return Path(shutil.which("postgres") or "/usr/bin/postgres").resolve().parent


class Server:
    def __init__(self, binaries, settings=None):
        self.binaries = Path(binaries)
        self.home = Path(tempfile.mkdtemp(prefix="bakeoff-"))
        self.data = self.home / "data"
        # PostgreSQL refuses to run as root.
        self.as_user = []
        if os.geteuid() == 0:
            self.as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
            shutil.chown(self.home, "nobody", "nogroup")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.environment = {
            **os.environ, "PGHOST": str(self.home), "PGPORT": str(self.port),
            "PGUSER": "bake", "PGDATABASE": "postgres", "HOME": str(self.home),
        }
        self.settings = {**SETTINGS, **(settings or {})}
        self.process = None

    def __enter__(self):
        subprocess.run(
            [*self.as_user, self.binaries / "initdb", "-D", self.data, "-U", "bake", "-A", "trust",
             "--no-locale", "-E", "UTF8"],
            check=True, stdout=subprocess.DEVNULL, cwd=self.home, env=self.environment)
        settings = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        log = open(self.home / "log", "w")
        self.process = subprocess.Popen(
            [*self.as_user, self.binaries / "postgres", "-D", self.data, "-p", str(self.port),
             "-k", self.home, "-h", "127.0.0.1", *settings],
            stdout=log, stderr=log, cwd=self.home, env=self.environment)
        for _ in range(100):
            if subprocess.run([self.binaries / "pg_isready", "-q"], env=self.environment).returncode == 0:
                return self
            if self.process.poll() is not None:
                break
            subprocess.run(["sleep", "0.1"])
        raise SystemExit((self.home / "log").read_text())

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        shutil.rmtree(self.home, ignore_errors=True)

    def sql(self, text, schema="public"):
        """Runs statements and returns the rows of the last one, each a list of texts."""
        environment = {**self.environment, "PGOPTIONS": f"-c search_path={schema} -c client_min_messages=warning"}
        done = subprocess.run(
            [self.binaries / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1"],
            input=text, text=True, capture_output=True, env=environment)
        if done.returncode:
            raise SystemExit(done.stderr)
        return [line.split("|") for line in done.stdout.splitlines()]

    def number(self, text, schema="public"):
        return float(self.sql(text, schema)[0][0] or 0)

    def pgbench(self, script, schema, clients, each, variables=None, mode="prepared", seconds=None):
        """Runs a script and returns transactions per second and the mean ms of a transaction."""
        path = self.home / "script.sql"
        path.write_text(script)
        environment = {**self.environment, "PGOPTIONS": f"-c search_path={schema}"}
        length = ["-T", str(seconds)] if seconds else ["-t", str(each)]
        defined = [part for name, value in (variables or {}).items() for part in ("-D", f"{name}={value}")]
        done = subprocess.run(
            [self.binaries / "pgbench", "-n", "-M", mode, "-c", str(clients), *length, *defined,
             "-f", path],
            text=True, capture_output=True, env=environment)
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        tps = [line for line in done.stdout.splitlines() if line.startswith("tps = ")][-1]
        return float(tps.split()[2])

    def processor_seconds(self):
        """What the server and all its processes, also those that ended, have used."""
        tick = os.sysconf("SC_CLK_TCK")
        postmaster = self.process.pid
        total = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            # Of `man proc`, less the first two fields: ppid is 1, utime to cstime are 11 to 14.
            if int(stat.parent.name) == postmaster:
                total += sum(map(int, fields[11:15]))
            elif int(fields[1]) == postmaster:
                total += sum(map(int, fields[11:13]))
        return total / tick

    def pin(self):
        """A transaction that sees the server as it is now, until it is unpinned."""
        holder = subprocess.Popen(
            [self.binaries / "psql", "-XAtq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=self.environment)
        holder.stdin.write("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT txid_current();\n")
        holder.stdin.flush()
        holder.stdout.readline()
        return holder

    def unpin(self, holder):
        holder.stdin.close()
        holder.wait()
