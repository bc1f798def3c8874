"""Run a command that is asked to end when the process that started it ends, however that happens.

Called as `python leash.py PARENT_PID COMMAND...`; it replaces itself with the command. A program of its own instead of
a `preexec_fn`, which may deadlock when the parent has threads. Where the kernel cannot do it (macOS), the next
`cesta up` clears up what was left behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Ask the kernel for SIGTERM at the parent's death, then become the command."""
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel knew
        sys.exit(1)
    os.execvpe(command[0], command, os.environ)  # noqa: S606 - the command is the supervisor's own


if __name__ == "__main__":
    main(sys.argv[1:])
