"""The locked environment of the engines, apart from the project's own: ministack pins botocore exactly."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.instance import LocalStackError, write_private
from deploy.local.processes import inherited_environment
from deploy.packaging import find_uv

ENGINES = Path(__file__).resolve().parent / "engines"
OLDEST_PYTHON, FIRST_UNTRIED_PYTHON = (3, 11), (3, 14)
#: Options of every Java of an instance, such as `-XX:TieredStopAtLevel=1` where it lives for minutes only.
JAVA_VARIABLE = "CESTA_JAVA_OPTIONS"
_UV_SETTINGS = ("UV_", "PIP_", "SSL_", "HTTP", "http", "ALL_PROXY", "NO_PROXY", "no_proxy", "XDG_", "REQUESTS_CA")


@dataclass(frozen=True, slots=True)
class EngineEnvironment:
    """Where the engines' environment is; its Python is of the same version as the one that runs this."""

    directory: Path

    @property
    def python(self) -> Path:
        """The interpreter that runs the local cloud, and with it the functions."""
        return self.directory / "bin" / "python"

    @property
    def arcadedb(self) -> Path:
        """The folder of the graph's wheel, with its Java runtime and jars."""
        return next(iter(self.directory.glob("lib/python*/site-packages/arcadedb_embedded")), self.directory / "absent")

    @property
    def java(self) -> Path:
        """The Java runtime that comes with the graph's wheel."""
        return self.arcadedb / "jre" / "bin" / "java"

    @property
    def search(self) -> Path:
        """The program of the search engine."""
        found = self.directory.glob("lib/python*/site-packages/noida_db/noida-db")
        return next(iter(found), self.directory / "absent")

    def java_command(self, arguments: Sequence[str], file: Path) -> tuple[str, str]:
        """A command of Java, its arguments in a file of mode 0600: they hold a password, and `ps` shows arguments."""
        given = shlex.split(os.environ.get(JAVA_VARIABLE, ""))
        escaped = (argument.replace("\\", "\\\\").replace('"', '\\"') for argument in (*given, *arguments))
        write_private(file, "".join(f'"{argument}"\n' for argument in escaped))
        return str(self.java), f"@{file}"

    def is_current(self) -> bool:
        """Whether it was made from the lock file as it is now, for this version of Python, and is all there."""
        stamp = self.directory / "cesta-lock"
        try:
            return stamp.read_text(encoding="utf-8") == _lock_mark() and self.java.exists() and self.python.exists()
        except OSError:
            return False


def engine_environment() -> EngineEnvironment:
    """The environment of the engines, made or not."""
    return EngineEnvironment(ENGINES / ".venv")


def install_engines() -> EngineEnvironment:
    """Make the environment from its lock file unless it is there; downloads about 95 MB once.

    Raises `LocalStackError` when uv is missing, Python is not supported or the download fails.
    """
    require_supported_python()
    environment = engine_environment()
    if environment.is_current():
        return environment
    # Compiled once here, not by each of the processes that start with it at the same time.
    command = [require_uv(), "sync", "--frozen", "--compile-bytecode"]
    command += ["--project", str(ENGINES), "--python", sys.executable]
    passed = {name: value for name, value in os.environ.items() if name.startswith(_UV_SETTINGS)}
    settings = {**inherited_environment(), **passed, "UV_PROJECT_ENVIRONMENT": str(environment.directory)}
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
    if outcome.returncode != 0:
        reason = " / ".join(line.strip() for line in outcome.stderr.strip().splitlines()[-2:])
        raise LocalStackError(f"the engines could not be installed by `uv sync --frozen --project {ENGINES}`: {reason}")
    (environment.directory / "cesta-lock").write_text(_lock_mark(), encoding="utf-8")
    return environment


def require_uv() -> str:
    """The uv program; raises `LocalStackError` when there is none."""
    found = find_uv()
    if found is None:
        raise LocalStackError("uv was not found: run `make bootstrap`, which puts it into .tools, or install uv.")
    return found


def require_supported_python() -> None:
    """Raise `LocalStackError` when this Python is not one that the engines' wheels are made for."""
    if not OLDEST_PYTHON <= sys.version_info[:2] < FIRST_UNTRIED_PYTHON:
        have = ".".join(map(str, sys.version_info[:2]))
        raise LocalStackError(f"Python {have} is not supported: use Python 3.11, 3.12 or 3.13.")


def _lock_mark() -> str:
    lock = hashlib.sha256((ENGINES / "uv.lock").read_bytes()).hexdigest()
    return f"{lock} python{sys.version_info.major}.{sys.version_info.minor}"
