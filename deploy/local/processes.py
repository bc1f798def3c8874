"""Starting, recognising and stopping operating-system processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from deploy.local import leash

#: Variables that a child inherits; all others come from the environment contract. A proxy or an AWS profile of the
#: person who starts the instance must not reach it.
_INHERITED = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH")


#: What of a person's AWS settings would reach the clients of an instance, beside the keys that they are given.
AWS_SETTINGS = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN")
_DIRECT = ("127.0.0.1", "localhost")


def keep_to_this_machine() -> None:
    """Let every client of this process reach the instance directly, whatever proxy and AWS profile the person has."""
    os.environ.update(direct_addresses())
    for name in AWS_SETTINGS:
        os.environ.pop(name, None)
    os.environ.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)


def direct_addresses() -> dict[str, str]:
    """The variables that name what is reached without a proxy: what the person has there, and this machine."""
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    named = [name.strip() for name in given.split(",") if name.strip()]
    value = "*" if "*" in named else ",".join([*named, *(name for name in _DIRECT if name not in named)])
    return {"NO_PROXY": value, "no_proxy": value}


def inherited_environment() -> dict[str, str]:
    """The variables of this process that any child may see."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def start(
    command: Sequence[str], environment: Mapping[str, str], log: Path, directory: Path
) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own, which ends when the calling thread's process ends.

    Linux ties this to the thread: the thread that starts children has to live as long as they shall.
    """
    with log.open("ab") as output:
        output.write(f"\n--- {time.strftime('%Y-%m-%d %H:%M:%S')} {Path(command[0]).name} ---\n".encode())
        output.flush()
        return subprocess.Popen(
            [sys.executable, "-IS", leash.__file__, str(os.getpid()), *command],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            start_new_session=True,
        )


def started_at(pid: int) -> float | None:
    """When a process was started, in seconds since boot; None when there is none, or only its exit code is left.

    It tells the process from a later one with the same number, and a clock that is set does not change it.
    """
    import psutil  # noqa: PLC0415 - a tenth of what a command takes to start, and few look at processes

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return round(process.create_time() - psutil.boot_time(), 2)
    except psutil.NoSuchProcess:
        return None


def kill_group(pid: int) -> None:
    """Kill what is left of the process group that `pid` leads or led."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def end_group(pid: int, within: float) -> None:
    """Ask a process to end, and kill what is left of its group when it has, or after `within` seconds."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + within
    while time.monotonic() < deadline and started_at(pid) is not None:
        time.sleep(0.1)
    kill_group(pid)


def last_lines(log: Path, count: int = 1) -> str:
    """The last non-empty lines of a log file, for a message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 8192))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("--- ")]
    return " / ".join(lines[-count:])


def exit_reason(return_code: int) -> str:
    """How a process ended, in words."""
    if return_code < 0:
        return f"was killed by signal {-return_code} ({signal.Signals(-return_code).name})"
    return f"ended with exit code {return_code}"
