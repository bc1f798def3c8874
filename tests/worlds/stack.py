"""A running local instance, with the template deployed and the real packages behind it."""

from __future__ import annotations

import fcntl
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.local.board import Board
from deploy.local.engine_environment import install_engines
from deploy.local.instance import PORT_NAMES, GraphEngine, Instance, port_is_free
from deploy.local.outputs import read_outputs
from deploy.local.stack import LocalStack, local_stack
from deploy.packaging import OUT, build_packages
from pipeline_assets.operations.access import Access
from tests.worlds.examples import ALL_EXAMPLES

if TYPE_CHECKING:
    from neo4j import Driver

#: Away from the default ports of an instance, and below those that the kernel gives to outgoing connections.
_PORTS = range(27_000, 32_000, len(PORT_NAMES))
#: Of these processes side by side, each has ports of its own.
_WORKERS = 8


@dataclass(frozen=True)
class RunningStack:
    """A local instance that is up, and clients for it."""

    instance: Instance
    local: LocalStack
    outputs: dict[str, Any]
    access: Access
    graph: Driver = field(repr=False)

    @property
    def board(self) -> Board:
        """What the supervisor knows about each part."""
        return self.local.board


def free_port_base() -> int:
    """The first of seven free ports, chosen at random so that test sessions side by side seldom meet.

    Workers of one session never do: each has a share of its own.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = _PORTS[worker % _WORKERS :: _WORKERS]
    bases = random.sample(share, len(share))
    return next(base for base in bases if all(port_is_free(base + place) for place in range(len(PORT_NAMES))))


def built_packages() -> dict[str, Path]:
    """The functions' packages, built once for all instances; of several workers one builds and the others wait."""
    OUT.mkdir(exist_ok=True)
    with (OUT / "lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        install_engines()
        return build_packages(OUT)


def packages_to_deploy(folder: Path) -> Path:
    """A folder of packages for a deployment whose functions nobody calls: a small one under each name.

    With `--slow` each is the function's own.
    """
    built = built_packages()
    if os.environ.get(ALL_EXAMPLES):
        return OUT
    smallest = min(built.values(), key=lambda archive: archive.stat().st_size)
    folder.mkdir(parents=True, exist_ok=True)
    for name in built:
        for kind in (".zip", ".json"):
            (folder / f"{name}{kind}").symlink_to(smallest.with_suffix(kind))
    return folder


@contextmanager
def running_stack(
    state: Path,
    *,
    dagster: bool,
    port_base: int | None = None,
    graph_engine: GraphEngine = GraphEngine.EMBEDDED,
    outlives_kills: bool = True,
) -> Iterator[RunningStack]:
    """Run an instance for as long as the block lasts."""
    built_packages()
    instance = Instance.at(state, port_base or free_port_base(), graph_engine)
    with local_stack(instance, dagster=dagster, outlives_kills=outlives_kills) as local:
        local.start(dagster=dagster)
        outputs = read_outputs(instance)
        access = Access(outputs)
        with access.graph() as graph:
            yield RunningStack(instance, local, outputs, access, graph)
