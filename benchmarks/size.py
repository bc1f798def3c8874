"""A file of very many rows through the deployed function: its memory, and the invocations it took."""

from __future__ import annotations

import csv
import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from deploy.local.instance import Instance
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.graph.lookups import ingestions_of_object
from pipeline_assets.graph.store import PurchaseGraph
from pipeline_assets.operations.access import Access

if TYPE_CHECKING:
    from rich.progress import Progress

_LINES_OF_A_TICKET = 10
_PRODUCTS, _STORES = 20_000, 400
_LOOK_SECONDS = 1.0
_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")


@dataclass(frozen=True, slots=True)
class Passage:
    """What it took: `peak` bytes is the greatest resident memory of a function's process, `longest` its seconds."""

    counts: Counts
    file_bytes: int
    seconds: float
    peak: int


def pass_through(instance: Instance, access: Access, directory: Path, rows: int, progress: Progress) -> Passage:
    """Put one file of so many rows into the bucket and wait until its receipt is there, watching the processes."""
    path = _written(directory, rows, progress)
    ledger = Ledger(access.dynamodb, access.table("ledger"))
    before = ledger.totals("tickets")
    bar = progress.add_task("rows in the graph", total=rows)
    started, peak = time.perf_counter(), 0
    access.s3.upload_file(str(path), access.bucket("tickets"), path.name)
    with access.graph() as graph:
        while (after := ledger.totals("tickets")).objects == before.objects:
            peak = max(peak, *map(_peak_bytes, _functions(instance)), 0)
            places = ingestions_of_object(PurchaseGraph(graph), f"s3://{access.bucket('tickets')}/{path.name}")
            progress.update(bar, completed=places[0].next_row - 1 if places else 0)
            time.sleep(_LOOK_SECONDS)
    return Passage(after.counts - before.counts, path.stat().st_size, time.perf_counter() - started, peak)


def _written(directory: Path, rows: int, progress: Progress) -> Path:
    path = directory / f"size-{uuid4().hex}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(TICKETS.column_names)
        writer.writerows(progress.track(_records(rows), total=rows, description="rows written"))
    return path


def _records(rows: int) -> Iterator[tuple[str, ...]]:
    """Tickets of ten lines, the same for every run."""
    chance = random.Random(1)  # noqa: S311 - rows to load, no secrets
    for number in range(rows):
        ticket, line = divmod(number, _LINES_OF_A_TICKET)
        product = (chance.randrange(_PRODUCTS) // _LINES_OF_A_TICKET) * _LINES_OF_A_TICKET + line
        day, minute = ticket % 28 + 1, ticket % 60
        yield (
            f"T-{ticket}",
            f"PRODUCT {product} 12 OZ #{product}",
            f"B-{ticket}",
            f"2026-10-{day:02d} 12:{minute:02d}:00",
            f"CATEGORY {product % 300}",
            "1",
            f"S-{ticket % _STORES}",
        )


def _functions(instance: Instance) -> Iterator[Path]:
    """The processes of the functions of an instance: they run from its scratch directory."""
    scratch = str(instance.state / "cloud" / "tmp")
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if scratch in (process / "cmdline").read_text(encoding="utf-8", errors="replace"):
                yield process
        except OSError:
            continue


def _peak_bytes(process: Path) -> int:
    try:
        found = _PEAK.search((process / "status").read_text(encoding="utf-8"))
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0
