"""How long after its upload a ticket file is in the purchase graph, through the deployed queue and function."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

from pipeline_assets.operations.access import Access

if TYPE_CHECKING:
    from neo4j import Driver
    from rich.progress import Progress

_LOOK_SECONDS = 0.005
_PATIENCE_SECONDS = 30.0
_HEADER = "ticket_id,product,basket_id,timestamp,category,quantity,store\n"


def seconds_to_the_graph(access: Access, graph: Driver, *, files: int, progress: Progress) -> list[float]:
    """Put small files one after another, each when the one before it is in; the first warms up and does not count."""
    bar = progress.add_task("put to visible", total=files + 1)
    measured = []
    for _ in range(files + 1):
        measured.append(_one(access, graph))
        progress.advance(bar)
    return measured[1:]


def _one(access: Access, graph: Driver) -> float:
    ticket = f"bench-{uuid4().hex}"
    body = _HEADER + "".join(_rows(ticket))
    started = time.perf_counter()
    access.s3.put_object(Bucket=access.bucket("tickets"), Key=f"{ticket}.csv", Body=body.encode())
    while time.perf_counter() - started < _PATIENCE_SECONDS:
        if graph.execute_query("MATCH (t:Ticket {ticket_id: $ticket}) RETURN t", ticket=ticket).records:
            return time.perf_counter() - started
        time.sleep(_LOOK_SECONDS)
    raise TimeoutError(f"{ticket} was not in the graph within {_PATIENCE_SECONDS:.0f} s")


def _rows(ticket: str) -> Iterator[str]:
    """A purchase of ten products."""
    for number in range(10):
        yield f"{ticket},Product {number},{ticket},2026-11-01 09:30:00,Category {number % 3},1,Store 1\n"
