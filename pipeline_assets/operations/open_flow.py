"""Opening a flow by its row: the flow, its stores, its queue and its bucket, as the environment names them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic

from pipeline_assets.events.environment import Environment
from pipeline_assets.events.flow import Flow, FlowSettings, OpenStores, StoresT
from pipeline_assets.flow_rows import FlowRow


@dataclass(frozen=True, slots=True)
class OpenFlow(Generic[StoresT]):
    """A flow whose stores are open; what has an address or a name is empty where the environment does not say it."""

    row: FlowRow
    flow: Flow[StoresT]
    stores: StoresT
    queue_url: str
    bucket: str
    dead_letters_url: str = ""


def load_flow(row: FlowRow) -> Flow[Any]:
    """Import the flow of a row, and what it works with."""
    flow: Flow[Any] = row.load(row.flow)
    return flow


@contextmanager
def open_flow(row: FlowRow, environment: Environment = None) -> Iterator[OpenFlow[Any]]:
    """Open the stores of a flow; raises `MissingSettingError` naming the first variable that is absent."""
    settings: type[FlowSettings] = row.load(row.settings)
    open_stores: OpenStores[FlowSettings, Any] = row.load(row.opener)
    read = settings.from_environment(environment)
    with open_stores(read) as stores:
        # That of a queue is found by the queue itself.
        dead_letters = getattr(read, "dead_letters_url", "")
        yield OpenFlow(row, load_flow(row), stores, read.queue_url, read.bucket, dead_letters)
