"""The assets of a flow of files: what landed, by day of arrival, and what was accepted of it, by its own day.

Materializing a day of either works the files behind it through again, by the very function that a Lambda calls.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

import dagster as dg

from pipeline_assets import __version__
from pipeline_assets.csv_files.ingest import CsvFlow, StoresT
from pipeline_assets.flows import flow_row
from pipeline_assets.lineage.addresses import URI
from pipeline_assets.lineage.checks import few_rejected_check
from pipeline_assets.lineage.columns import lineage_of, rules_table, schema_of
from pipeline_assets.lineage.conservation import conservation_check
from pipeline_assets.lineage.external import bucket_of, quarantine_of
from pipeline_assets.lineage.partitions import ONE_RUN, arrival_days, days_since
from pipeline_assets.lineage.redo import Drawing, redo_days
from pipeline_assets.lineage.run_days import NOTHING, DayEvent


class FileAssets(NamedTuple):
    """The assets of a flow of files, the checks that follow from its ledger, and what is before and beside them."""

    landed: dg.AssetsDefinition
    accepted: dg.AssetsDefinition
    checks: list[dg.AssetChecksDefinition]
    external: list[dg.AssetSpec]


def landed_and_accepted(
    flow: CsvFlow[Any, StoresT],
    *,
    stores: str,
    target: str,
    target_kind: str,
    stored: dict[str, str],
    description: str,
    first_day: date,
    closed: frozenset[str] = frozenset(),
    tags: dict[str, str] | None = None,
    drawing: Drawing[StoresT] = lambda *_: {},
) -> FileAssets:
    """The assets of a flow of files.

    Parameters
    ----------
    flow
        The flow; its dataset says columns, rules and owner.
    stores
        The key of the resource that opens its stores.
    target
        What accepted rows end in, as in "leaves the same graph".
    target_kind
        The kind of the target, which Dagster draws beside the asset.
    stored
        Metadata of where accepted rows are: `dagster/uri` or `dagster/table_name`.
    description
        What the accepted asset is, in full sentences.
    first_day
        The first day of the accepted asset.
    closed
        Days of which there are no rows, as `Calendar` has them.
    tags
        Tags of both assets beside their flow and layer.
    drawing
        More metadata of a day of the accepted asset that was worked through again.

    Returns
    -------
    FileAssets
        Both assets, partitioned by day, their checks, and the bucket of the files and of what was rejected of them.
    """
    dataset = flow.dataset
    landed_key, accepted_key = dg.AssetKey.from_user_string(flow.landed), dg.AssetKey.from_user_string(flow.name)
    schema = schema_of(dataset.columns)
    *functions, bucket = bucket_of(flow_row(flow.name), kind="csv", owner=dataset.owner)
    rejected = quarantine_of(flow.name, kind="json", owner=dataset.owner, judged=[landed_key])
    # A row may be of up to one day after its file's arrival.
    own_days = days_since(first_day, with_tomorrow=True, closed=closed)

    @dg.asset(
        key=landed_key,
        deps=[bucket.key],
        partitions_def=arrival_days,
        dagster_type=NOTHING,
        backfill_policy=ONE_RUN,
        required_resource_keys={stores},
        group_name=flow.name,
        kinds={"s3", "csv"},
        owners=[dataset.owner],
        code_version=__version__,
        tags={"flow": flow.name, "layer": "landed", **(tags or {})},
        description=f"{dataset.description} By the UTC day they arrived in S3; every row received is accounted for "
        f"here. Materializing a day works its files through again, which leaves the same {target}.",
        metadata={"dagster/column_schema": schema, "rules": rules_table(dataset), URI: bucket.metadata[URI]},
    )
    def landed(context: dg.AssetExecutionContext) -> Iterator[DayEvent]:
        yield from redo_days(context, flow, flow.landed, getattr(context.resources, stores).open)

    @dg.asset(
        key=accepted_key,
        # A file may bring rows of any day, so every arrival day feeds every day. What this costs and what it spares is
        # in docs/adr/0003-receipts-bridge.md.
        deps=[dg.AssetDep(landed_key, partition_mapping=dg.AllPartitionMapping())],
        partitions_def=own_days,
        dagster_type=NOTHING,
        backfill_policy=ONE_RUN,
        required_resource_keys={stores},
        group_name=flow.name,
        kinds={"aws", "lambda", target_kind},
        owners=[dataset.owner],
        code_version=__version__,
        tags={"flow": flow.name, "layer": "accepted", **(tags or {})},
        description=description,
        metadata={"dagster/column_schema": schema, **lineage_of(dataset.columns, landed_key), **stored},
    )
    def accepted(context: dg.AssetExecutionContext) -> Iterator[DayEvent]:
        yield from redo_days(context, flow, flow.name, getattr(context.resources, stores).open, drawing)

    checks = [
        conservation_check(landed_key, arrival_days, flow.name),
        conservation_check(accepted_key, own_days, flow.name),
        few_rejected_check(accepted_key, flow_row(flow.name), dataset.most_rejected),
    ]
    return FileAssets(landed, accepted, checks, [*functions, bucket, rejected])
