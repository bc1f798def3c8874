"""Dagster's SQLite on one machine, which a process looks through once instead of at each tick.

A code server opens Dagster's storage anew for each tick of each sensor, and its SQLite compares its tables with all
migrations whenever it is opened; each of its calls then makes an engine, which compiles every statement anew, and opens
the database, whose last connection writes its log back whenever it is closed. That was most of what an idle instance
did. What is stored, and where, is the same.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS, create_db_conn_string
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine

if TYPE_CHECKING:
    from dagster._serdes import ConfigurableClassData


#: Of so many runs a process keeps how it reaches the events.
_RUNS_KEPT = 32
_WAITING = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}


@functools.cache
def _engine(address: str) -> Engine:
    """The engine of a database: it keeps the statements that it has compiled, and a connection for each that waits."""
    return create_engine(
        address, poolclass=QueuePool, max_overflow=-1, connect_args={**_WAITING, "check_same_thread": False}
    )


@functools.lru_cache(_RUNS_KEPT)
def _run_engine(address: str) -> Engine:
    """The engine of the events of one run, which keeps no connection: there is a database for each run."""
    return create_engine(address, poolclass=NullPool, connect_args=_WAITING)


class _Runs(SqliteRunStorage):
    """Runs, by one engine."""

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(conn_string, inst_data)
        self._address = conn_string

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with _engine(self._address).begin() as connection:
            yield connection


class _Schedules(SqliteScheduleStorage):
    """Ticks of sensors and schedules, by one engine."""

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(conn_string, inst_data)
        self._address = conn_string

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with _engine(self._address).begin() as connection:
            yield connection


class _Events(SqliteEventLogStorage):
    """Events; those of all runs and assets by one engine, those of a run by one of its own."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # As in Dagster, threads take turns.
        self._turn = threading.Lock()
        super().__init__(base_dir, inst_data)

    @contextmanager
    def index_connection(self) -> Iterator[Connection]:
        with self._turn, _engine(self.conn_string_for_shard("index")).begin() as connection:
            yield connection

    @contextmanager
    def run_connection(self, run_id: str | None = None) -> Iterator[Connection]:
        shard = run_id or ""
        engine = _run_engine(self.conn_string_for_shard(shard))
        with self._turn:
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection


class OneMachineStorage(DagsterSqliteStorage):
    """The storage of a local instance, which its `dagster.yaml` names."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # Without that of Dagster's own, which opens the three parts its way.
        super(DagsterSqliteStorage, self).__init__()  # type: ignore[no-untyped-call]
        self.base_dir = base_dir
        self._inst_data = inst_data
        runs, schedules = _prepared(base_dir)
        self._run_storage = _Runs(runs)
        self._event_log_storage = _Events(str(Path(base_dir, "history", "runs")))
        self._schedule_storage = _Schedules(schedules)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """What the settings name."""
        return cls.from_local(config_value["base_dir"], inst_data)


@functools.cache
def _prepared(base_dir: str) -> tuple[str, str]:
    """The addresses of the runs and of the ticks, whose tables Dagster has made and compared with its migrations."""
    history, schedules = Path(base_dir, "history"), Path(base_dir, "schedules")
    SqliteRunStorage.from_local(str(history))
    SqliteScheduleStorage.from_local(str(schedules))
    return create_db_conn_string(str(history), "runs"), create_db_conn_string(str(schedules), "schedules")
