"""SQL engine of the environment: Athena in a cloud, DuckDB on a laptop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pipeline_assets.lake.tables import LakeBucket
from pipeline_assets.queries.answer import Answer
from pipeline_assets.queries.named_query import NamedQuery
from pipeline_assets.settings import QuerySettings


class SqlEngine(Protocol):
    """Engine that answers queries written in Athena's dialect."""

    def run(self, asked: NamedQuery, parameters: Mapping[str, object]) -> Answer:
        """Answer a query.

        Parameters
        ----------
        asked
            Query to answer.
        parameters
            Values by name; a parameter that is not given has its default.

        Returns
        -------
        Answer
            Its rows and what they took.

        Raises
        ------
        QueryError
            The query does not take a parameter, or it fails.
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
        Athena in a workgroup, or DuckDB over the lake's buckets.
    """
    # Each engine's own libraries are loaded for it alone.
    if settings.engine == "athena":
        from pipeline_assets.queries.athena import AthenaEngine  # noqa: PLC0415

        return AthenaEngine(database=settings.database, workgroup=settings.workgroup)
    import boto3  # noqa: PLC0415

    from pipeline_assets.queries.duckdb_engine import DuckDbEngine  # noqa: PLC0415

    buckets: dict[LakeBucket, str] = {"curated": settings.curated_bucket, "quarantine": settings.quarantine_bucket}
    return DuckDbEngine(boto3.client("s3"), buckets, settings.database)
