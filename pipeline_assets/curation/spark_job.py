"""The job of Spark that works a curated day out and publishes it, by the same protocol as everybody does."""

from __future__ import annotations

from pipeline_assets.curation.ingest import recurate_day
from pipeline_assets.curation.spark_days import SparkDays
from pipeline_assets.curation.stores import CurationSettings, open_stores
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.spark.jobs import JobContext, Values


def curated_day(context: JobContext, parameters: Values) -> Values:
    """Work a curated day out on Spark and leave its receipts.

    Parameters
    ----------
    context
        The session and the log.
    parameters
        ``dataset`` and ``day``, and in ``settings`` the fields of `CurationSettings`.

    Returns
    -------
    dict
        ``objects``, the number of raw objects that it left receipts of, and ``input_bytes``, how large they are.
    """
    with open_stores(CurationSettings(**parameters["settings"])) as stores:
        dataset = stores.catalog[parameters["dataset"]]
        engine = SparkDays(context.session, log=context.log)
        receipts = recurate_day(dataset, parameters["day"], stores, engine=engine)
    sizes = (each.source.size for each in receipts if isinstance(each.source, ObjectVersion))
    return {"objects": len(receipts), "input_bytes": sum(sizes)}
