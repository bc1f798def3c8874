"""SQL engine of the environment: Athena in a cloud, DuckDB on a laptop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pipeline_assets.analytics.tables import PROD_CATALOGS, bucket_variable
from pipeline_assets.events.environment import Environment, UnknownSettingError, optional, required
from pipeline_assets.events.settings import quarantine_bucket
from pipeline_assets.queries.answer import Answer
from pipeline_assets.queries.named_query import NamedQuery


@dataclass(frozen=True, slots=True)
class QuerySettings:
    """Settings of the SQL engine.

    Parameters
    ----------
    engine
        ``athena`` or ``duckdb``.
    database
        Name of the lake in SQL, a Glue database in a cloud; for DuckDB any where it is empty.
    workgroup
        Athena's workgroup.
    curated_bucket, quarantine_bucket, compras_bucket
        Buckets that DuckDB reads; that of purchases may be absent.
    compras_database
        Name of the database of purchases, as `database`.
    prod_buckets
        Buckets of the prod sets that DuckDB reads, by the names of the sets; those that the environment names.
    """

    engine: str
    database: str = ""
    workgroup: str = ""
    curated_bucket: str = ""
    quarantine_bucket: str = ""
    compras_bucket: str = ""
    compras_database: str = ""
    prod_buckets: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, environment: Environment = None) -> QuerySettings:
        """Read the settings of the engine that the environment names.

        Parameters
        ----------
        environment
            Variables; those of the process where it is None.

        Returns
        -------
        QuerySettings
            What that engine needs.

        Raises
        ------
        MissingSettingError
            A variable is absent; the first one is named.
        UnknownSettingError
            There is no engine of that name.
        """
        engine = optional(environment, "SQL_ENGINE", "athena")
        if engine == "athena":
            workgroup = "the name of the Athena workgroup to query the lake in"
            return cls(
                engine,
                database=required(environment, "LAKE_DATABASE", "the name of the lake's SQL database"),
                workgroup=required(environment, "ATHENA_WORKGROUP", workgroup),
                compras_database=optional(environment, "COMPRAS_DATABASE"),
            )
        if engine != "duckdb":
            raise UnknownSettingError("SQL_ENGINE", engine, "athena or duckdb")
        return cls(
            engine,
            database=optional(environment, "LAKE_DATABASE"),
            curated_bucket=required(environment, "CURATED_BUCKET", "the name of the bucket of curated days"),
            quarantine_bucket=quarantine_bucket(environment),
            compras_bucket=optional(environment, "COMPRAS_BUCKET"),
            compras_database=optional(environment, "COMPRAS_DATABASE"),
            prod_buckets={
                name: bucket
                for name in (catalog.name for catalog in PROD_CATALOGS)
                if (bucket := optional(environment, bucket_variable(name)))
            },
        )


class SqlEngine(Protocol):
    """Engine that answers queries written in Athena's dialect."""

    def run(self, asked: NamedQuery, parameters: Mapping[str, object], seconds: float | None = None) -> Answer:
        """Answer a query.

        Parameters
        ----------
        asked
            Query to answer.
        parameters
            Values by name; a parameter that is not given has its default.
        seconds
            How long it may take; as long as it takes where it is None.

        Returns
        -------
        Answer
            Its rows and what they took.

        Raises
        ------
        QueryError
            The query does not take a parameter, or it fails or takes too long.
        TransientError
            The lake cannot be reached.
        """


def open_engine(settings: QuerySettings) -> SqlEngine:
    """Open the engine that the settings name, with clients from the environment.

    Parameters
    ----------
    settings
        Engine and where its data is.

    Returns
    -------
    SqlEngine
        Athena in a workgroup, or DuckDB over the buckets of the lake and of the prod sets.
    """
    # Each engine's own libraries are loaded for it alone.
    if settings.engine == "athena":
        from pipeline_assets.queries.athena import AthenaEngine  # noqa: PLC0415

        return AthenaEngine(
            database=settings.database, workgroup=settings.workgroup, compras_database=settings.compras_database
        )
    from pipeline_assets.queries.duckdb_engine import DuckDbEngine  # noqa: PLC0415
    from pipeline_assets.storage.s3 import open_storage  # noqa: PLC0415

    storage = open_storage()
    names = {
        "curated": settings.curated_bucket,
        "quarantine": settings.quarantine_bucket,
        "compras": settings.compras_bucket,
        **settings.prod_buckets,
    }
    buckets = {bucket: storage.bucket(name) for bucket, name in names.items() if name}
    return DuckDbEngine(buckets, settings.database, settings.compras_database)
