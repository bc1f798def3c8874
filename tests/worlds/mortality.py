"""Stores whose process may die at any call that leaves it, and a ledger of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.graph.store import PurchaseGraph
from pipeline_assets.storage.s3 import S3Storage
from pipeline_assets.tickets.stores import TicketStores

if TYPE_CHECKING:
    from tests.worlds.stack import RunningStack


class DeadError(BaseException):
    """The process was killed here."""


@dataclass
class Fate:
    """Kills the process at the n-th call that leaves it, counted from 1, before or after the call; 0 never."""

    at: int = 0
    after: bool = False
    calls: int = 0
    #: The name of each call, in their order.
    made: list[str] = field(default_factory=list)
    #: Calls may come from several threads.
    _lock: Lock = field(default_factory=Lock, repr=False)

    def call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        with self._lock:
            self.calls = number = self.calls + 1
            self.made.append(getattr(function, "__name__", "?"))
        if number == self.at and not self.after:
            raise DeadError
        result = function(*args, **kwargs)
        if number == self.at:
            raise DeadError
        return result


@dataclass(eq=False)
class Mortal:
    """A client or a store whose calls may be the last of the process."""

    inner: Any
    fate: Fate = field(repr=False)
    watched: tuple[str, ...]

    def __post_init__(self) -> None:
        lacking = [name for name in self.watched if not hasattr(self.inner, name)]
        assert not lacking, f"nobody dies at {lacking}: {type(self.inner).__name__} has no such calls"

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)
        if name not in self.watched:
            return value
        return lambda *args, **kwargs: self.fate.call(value, *args, **kwargs)


def mortal_stores(cloud: RunningStack, table: str, fate: Fate) -> TicketStores:
    """The stores of one process, with a ledger in `table`; `fate` says at which of their calls it dies."""
    dynamodb = Mortal(
        cloud.access.dynamodb, fate, ("batch_write_item", "transact_write_items", "update_item", "get_item")
    )
    s3: Any = Mortal(cloud.access.s3, fate, ("get_object", "head_object", "put_object", "delete_objects"))
    storage = S3Storage(s3)
    graph = Mortal(PurchaseGraph(cloud.graph), fate, ("ingestion", "write", "finish", "known", "mark_reported"))
    quarantine = JsonLinesQuarantine(storage.bucket(cloud.access.bucket("quarantine")), "tickets")
    return TicketStores(storage, Ledger(dynamodb, table), graph, quarantine)  # type: ignore[arg-type]
