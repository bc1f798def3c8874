"""What lineage begins and ends with: buckets that others fill, functions that do, and what was rejected.

These are external assets: Dagster draws them and runs nothing for them. No receipt names them, so they have no events,
no partitions and no state that could be missing or stale.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import dagster as dg

from pipeline_assets.flow_rows import FlowRow, QueueGroup
from pipeline_assets.lineage.addresses import URI, bucket_uri
from pipeline_assets.lineage.asset_keys import bucket_key, quarantine_key

#: The group of what was rejected, of every flow.
QUARANTINE: Final = "quarantine"


def bucket_of(row: FlowRow, *, kind: str, owner: str) -> list[dg.AssetSpec]:
    """The bucket into which others put the objects of a flow, behind the functions that do.

    Parameters
    ----------
    row
        The flow's row in the registry, with a queue group.
    kind
        What kind of objects they are, which Dagster draws beside the bucket.
    owner
        Who is asked about them.

    Returns
    -------
    list of dagster.AssetSpec
        External assets, the bucket last.
    """
    group = row.group if isinstance(row.group, QueueGroup) else None
    functions = [
        dg.AssetSpec(
            dg.AssetKey([row.name, package.name]),
            group_name=row.name,
            kinds={"aws", "lambda"},
            owners=[owner],
            description=f"A function that puts {group.objects if group else 'objects'} into the bucket by itself.",
        )
        for package in row.others
    ]
    way = f" S3 tells the queue {group.queue_name} of each, which feeds {group.function_name}." if group else ""
    bucket = dg.AssetSpec(
        bucket_key(row.name),
        deps=functions,
        group_name=row.name,
        kinds={"s3", kind},
        owners=[owner],
        description=f"{group.bucket_holds if group else 'Objects of the flow.'}{way}",
        metadata={URI: bucket_uri(row.bucket_variable, row.prefix)},
    )
    return [*functions, bucket]


def quarantine_of(flow: str, *, kind: str, owner: str, judged: Sequence[dg.AssetKey]) -> dg.AssetSpec:
    """What was rejected of a flow.

    Parameters
    ----------
    flow
        Name of the flow, which its part of the quarantine begins with.
    kind
        What kind of objects are there, which Dagster draws beside it.
    owner
        Who mends what is there.
    judged
        The assets that were judged.

    Returns
    -------
    dagster.AssetSpec
        An external asset.
    """
    return dg.AssetSpec(
        quarantine_key(flow),
        deps=[dg.AssetDep(key, partition_mapping=dg.AllPartitionMapping()) for key in judged],
        group_name=QUARANTINE,
        kinds={"s3", kind},
        owners=[owner],
        description=f"Rows, objects and messages of the flow {flow} that broke a rule, each with the rule and the "
        f"reason. `cesta quarantine list --flow {flow}` names them; what is corrected is replayed from here.",
        metadata={URI: bucket_uri("QUARANTINE_BUCKET", f"{flow}/")},
    )
