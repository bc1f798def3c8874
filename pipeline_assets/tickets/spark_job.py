"""The job of Spark that writes the graph as files for neo4j-admin, into a folder or a bucket."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

from pipeline_assets.errors import TerminalError
from pipeline_assets.spark.jobs import JobContext, Values
from pipeline_assets.storage.s3 import open_storage
from pipeline_assets.tickets.bulk_import import Export, export_graph
from pipeline_assets.tickets.export_parts import S3, is_of_parts
from pipeline_assets.tickets.spark_export import PARTITION_ROWS, SparkSettle
from pipeline_assets.tickets.stores import StoredTicketFiles


def graph_export(context: JobContext, parameters: Values) -> Values:
    """Write the files of `export_graph` on Spark.

    Parameters
    ----------
    context
        The session and the log.
    parameters
        ``bucket`` of ticket files and ``ledger_table``; ``directory``, a new folder on this machine, or
        ``s3://bucket/prefix`` where tasks are on many; ``day_begins``, in seconds after midnight UTC, and
        ``partition_rows``, if they are to be others.

    Returns
    -------
    dict
        ``files`` with their nodes or relationships, ``objects``, ``refused`` and ``rows``.

    Raises
    ------
    TerminalError
        The folder is not empty, or more lies below the prefix than parts of a driver that was killed.
    TransientError
        A store does not answer, or Spark lost the work.
    """
    address = str(parameters["directory"])
    if not address.startswith(S3):
        return _told(_export(context, parameters, Path(address)))
    name, _, prefix = address.removeprefix(S3).strip("/").partition("/")
    bucket, prefix = open_storage().bucket(name), f"{prefix}/" if prefix else ""
    # What a driver that was killed left of its parts is in nobody's way.
    made = (name for each in bucket.objects(prefix) if not is_of_parts(name := each.key.removeprefix(prefix)))
    if found := next(made, None):
        raise TerminalError(f"{address} is not empty, it has {found}: name a new prefix for the export")
    with tempfile.TemporaryDirectory(prefix="cesta-") as folder:
        done = _export(context, parameters, Path(folder) / "export", address)
        for file in sorted(done.directory.iterdir()):
            bucket.put(f"{prefix}{file.name}", file)
    return _told(done)


def _export(context: JobContext, parameters: Values, directory: Path, address: str = "") -> Export:
    files = StoredTicketFiles.open(parameters["ledger_table"], timedelta(seconds=parameters.get("day_begins", 0)))
    settle = SparkSettle(context.session, address, parameters.get("partition_rows", PARTITION_ROWS))
    try:
        return export_graph(
            files,
            parameters["bucket"],
            directory,
            progress=lambda what, done, total: context.log(f"{what}: {done} of {total}"),
            settle=settle,
        )
    except FileExistsError as error:
        raise TerminalError(str(error)) from error


def _told(done: Export) -> Values:
    return {"files": done.files, "objects": done.objects, "refused": done.refused, "rows": done.rows}
