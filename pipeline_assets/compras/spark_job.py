"""The job of Spark that makes what a table has of the documents of a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pipeline_assets.compras.derived import DERIVED, DerivedDay, document_bytes, publish_day
from pipeline_assets.compras.documents import Origin
from pipeline_assets.compras.spark_day import SparkMaker
from pipeline_assets.compras.stores import ComprasSettings, open_stores
from pipeline_assets.spark.jobs import JobContext, Values


def asked_of(asset: str, day: str, settings: ComprasSettings) -> Values:
    """The parameters of `compras_day`.

    Parameters
    ----------
    asset
        Name of the asset, such as ``compras/parquet``.
    day
        The day of the purchases, ISO.
    settings
        The stores of purchases.

    Returns
    -------
    dict
        The parameters, as JSON has them.
    """
    return {"asset": asset, "day": day, "settings": asdict(settings)}


def made_by(result: Mapping[str, Any]) -> list[DerivedDay]:
    """What `compras_day` told: the objects that stand, by tenants."""
    return [DerivedDay(**{**each, "left_out": tuple(each["left_out"])}) for each in result["objects"]]


def compras_day(context: JobContext, parameters: Values) -> Values:
    """Make the objects of a day on Spark, one for each tenant that has documents of it.

    Parameters
    ----------
    context
        The session and the log.
    parameters
        ``asset`` and ``day``, and in ``settings`` the fields of `ComprasSettings`.

    Returns
    -------
    dict
        ``objects``, the fields of a `DerivedDay` each, and ``input_bytes``, how large the documents are.

    Raises
    ------
    TransientError
        A store does not answer, others put an object again and again, or Spark lost the work.
    """
    fields = parameters["settings"]
    settings = ComprasSettings(**{**fields, "origin": Origin(**fields["origin"])})
    derived = next(each for each in DERIVED if each.asset == parameters["asset"])
    with open_stores(settings) as stores:
        size = document_bytes(parameters["day"], stores)
        made = publish_day(derived, parameters["day"], stores, SparkMaker(context.session))
    for each in made:
        context.log(f"{each.tenant}: {each.documents} documents, {each.rows} rows")
    return {"objects": [asdict(each) for each in made], "input_bytes": size}
