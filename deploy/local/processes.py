"""Starting, recognising and stopping operating-system processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
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


def birth(pid: int) -> str | None:
    """A mark that tells this process from a later one with the same number; None when there is no such process."""
    if sys.platform != "linux":
        return _birth_from_ps(pid)
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *fields = text.rpartition(")")[2].split()  # the name before it may hold blanks
    return None if state in "ZX" else fields[18]  # field 22: start time in clock ticks since boot


def _birth_from_ps(pid: int) -> str | None:
    answer = subprocess.run(
        ["/bin/ps", "-o", "lstart=,stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    return None if not answer or answer[-1].startswith("Z") else " ".join(answer[:-1])


def signal_group(pid: int, number: signal.Signals) -> bool:
    """Send a signal to the process group led by `pid`; False when nothing is left of it."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def end_group(pid: int, within: float) -> None:
    """Ask a process group to end and end what is left of it after `within` seconds."""
    signal_group(pid, signal.SIGTERM)
    deadline = time.monotonic() + within
    while time.monotonic() < deadline and birth(pid) is not None:
        time.sleep(0.1)
    signal_group(pid, signal.SIGKILL)


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


def cause_of_death(return_code: int) -> str:
    """How a process ended, in words."""
    if return_code < 0:
        return f"was killed by signal {-return_code} ({signal.Signals(-return_code).name})"
    return f"ended with exit code {return_code}"
