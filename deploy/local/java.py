"""How the graph's engines are started, which are both Java programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deploy.local.instance import write_private


def java_command(java: Path, arguments: Sequence[str], file: Path) -> tuple[str, str]:
    """A command of Java with its arguments in a file of mode 0600: they hold a password, and `ps` shows arguments."""
    write_private(file, "".join(f"{_quoted(argument)}\n" for argument in arguments))
    return str(java), f"@{file}"


def _quoted(argument: str) -> str:
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
