"""A running local instance, with the template deployed and the real packages behind it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.local.access import Access
from deploy.local.board import Board
from deploy.local.instance import PORT_NAMES, GraphEngine, Instance, port_is_free
from deploy.local.outputs import read_outputs
from deploy.local.stack import LocalStack, local_stack

if TYPE_CHECKING:
    from neo4j import Driver

#: Away from the default ports of an instance, and below those that the kernel gives to outgoing connections.
_PORTS = range(27_000, 32_000, len(PORT_NAMES))


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
    """The first of five free ports, chosen at random so that test sessions side by side seldom meet."""
    bases = random.sample(_PORTS, len(_PORTS))
    return next(base for base in bases if all(port_is_free(base + place) for place in range(len(PORT_NAMES))))


@contextmanager
def running_stack(
    state: Path, *, dagster: bool, port_base: int | None = None, graph_engine: GraphEngine = GraphEngine.EMBEDDED
) -> Iterator[RunningStack]:
    """Run an instance for as long as the block lasts."""
    instance = Instance.at(state, port_base or free_port_base(), graph_engine)
    with local_stack(instance, dagster=dagster) as local:
        local.start(dagster=dagster)
        outputs = read_outputs(instance)
        access = Access(outputs)
        with access.graph() as graph:
            yield RunningStack(instance, local, outputs, access, graph)
