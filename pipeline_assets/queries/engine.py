"""What answers a query: the one form of an answer, what it costs, and the engine that the environment names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Protocol

from pipeline_assets.events.environment import Environment, UnknownSettingError, optional, required
from pipeline_assets.events.settings import quarantine_bucket
from pipeline_assets.lake.tables import LakeBucket
from pipeline_assets.queries.named_query import Question

Cell = str | int | float | Decimal | bool | date | datetime | None

#: Athena's price in most regions: US dollars per TiB scanned, counted in whole MiB, at least ten for a query.
USD_PER_TIB: Final = 5
_MIB, _TIB, _LEAST_MIB = 2**20, 2**40, 10


@dataclass(frozen=True, slots=True)
class QuerySettings:
    """How SQL on the lake is answered: by Athena in a workgroup, or by DuckDB over the buckets."""

    engine: str
    database: str = ""
    workgroup: str = ""
    curated_bucket: str = ""
    quarantine_bucket: str = ""

    @classmethod
    def from_environment(cls, environment: Environment = None) -> QuerySettings:
        """Read what the engine needs; raises `MissingSettingError` naming the first variable that is absent."""
        engine = optional(environment, "SQL_ENGINE", "athena")
        if engine == "athena":
            workgroup = "the name of the Athena workgroup to query the lake in"
            return cls(
                engine,
                database=required(environment, "LAKE_DATABASE", "the name of the lake's SQL database"),
                workgroup=required(environment, "ATHENA_WORKGROUP", workgroup),
            )
        if engine != "duckdb":
            raise UnknownSettingError("SQL_ENGINE", engine, "athena or duckdb")
        return cls(
            engine,
            database=optional(environment, "LAKE_DATABASE"),
            curated_bucket=required(environment, "CURATED_BUCKET", "the name of the bucket of curated days"),
            quarantine_bucket=quarantine_bucket(environment),
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gave: `types` are Athena's names, a timestamp is UTC without a zone."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    scanned_bytes: int
    seconds: float

    @property
    def cost_usd(self) -> float:
        """What Athena charges for the scanned bytes, in US dollars."""
        return max(math.ceil(self.scanned_bytes / _MIB), _LEAST_MIB) * _MIB / _TIB * USD_PER_TIB


class SqlEngine(Protocol):
    """Answers queries written in Athena's dialect."""

    def run(self, asked: Question, parameters: Mapping[str, object]) -> Answer:
        """Answer a query; parameters that are not given have their defaults.

        Raises `QuestionError` for a parameter that the query does not take and for a query that fails, and
        `TransientError` when the lake cannot be reached.
        """


def open_engine(settings: QuerySettings) -> SqlEngine:
    """The engine that the settings name, with clients from the environment."""
    # Each engine's own libraries are loaded for it alone.
    if settings.engine == "athena":
        import boto3  # noqa: PLC0415

        from pipeline_assets.queries.athena import AthenaEngine  # noqa: PLC0415

        return AthenaEngine(boto3.client("athena"), database=settings.database, workgroup=settings.workgroup)
    from pipeline_assets.queries.duckdb_engine import DuckDbEngine  # noqa: PLC0415
    from pipeline_assets.storage.s3 import open_storage  # noqa: PLC0415

    storage = open_storage()
    names: dict[LakeBucket, str] = {"curated": settings.curated_bucket, "quarantine": settings.quarantine_bucket}
    return DuckDbEngine({bucket: storage.bucket(name) for bucket, name in names.items()}, settings.database)
