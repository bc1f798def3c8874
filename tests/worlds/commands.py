"""The `cesta` command as a person runs it, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from deploy.local.board import Picture
from deploy.local.instance import PROJECT, Instance
from pipeline_assets.operations.access import Access

#: What a person may have set for other work: a proxy at which nobody listens, a profile that is not there.
SURROUNDINGS = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "AWS_PROFILE": "of-the-person",
}


class Command:
    """The `cesta` command, run as a person runs it, on one state directory."""

    def __init__(self, state: Path, port_base: int) -> None:
        self.instance = Instance.at(state, port_base)
        self._access: Access | None = None

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        if "up" in arguments:
            self._access = None
        where = ("--state", str(self.instance.state), "--port-base", str(self.instance.port_base))
        command = [sys.executable, "-m", "deploy.cli.main", *arguments, *where]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
            cwd=PROJECT,
            env=os.environ | SURROUNDINGS,
        )

    def picture(self) -> Picture:
        picture = Picture.read(self.instance)
        assert picture is not None
        return picture

    def pid(self, name: str) -> int:
        pid = next(part.pid for part in self.picture().parts if part.name == name)
        assert pid is not None
        return pid

    def access(self) -> Access:
        """Clients of it; what it puts out is asked for once each time that it is up."""
        if self._access is None:
            self._access = Access(json.loads(self("outputs", "--json").stdout))
        return self._access


def processes_under(state: Path) -> set[str]:
    """Command lines of processes that name the state directory: children, and the functions' processes."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            text = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(state) in text:
            found.add(text)
    return found
