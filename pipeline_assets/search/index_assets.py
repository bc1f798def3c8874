"""The index of each tenant as an asset: told by receipts, and rebuilt behind its alias when it is materialized."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import dagster as dg

from pipeline_assets import __version__
from pipeline_assets.events.tenants import TenantId, tenant_id
from pipeline_assets.lineage.addresses import URI
from pipeline_assets.lineage.bridge import Place
from pipeline_assets.lineage.materializations import materialization
from pipeline_assets.lineage.metadata import place_state
from pipeline_assets.lineage.partitions import ONE_RUN
from pipeline_assets.lineage.redo import event_of
from pipeline_assets.lineage.run_days import NOTHING, DayEvent, RunDays
from pipeline_assets.lineage.sentences import counted
from pipeline_assets.lineage.store_figures import StoreFigures, StoreSays
from pipeline_assets.search.ingest import SearchFlow
from pipeline_assets.search.names import Kind, alias
from pipeline_assets.search.rebuild import rebuild
from pipeline_assets.search.stores import SearchStores

_LATEST: Final[dict[str, Any]] = {
    "size": 1,
    "track_total_hits": True,
    "sort": [{"changed_at": "desc"}],
    "_source": ["changed_at"],
}
_THERE: Final = {**_LATEST, "query": {"term": {"deleted": False}}}


def index_asset(
    flow: SearchFlow, words: str, tenants: dg.DynamicPartitionsDefinition, resource: str, address: str
) -> dg.AssetsDefinition:
    """Asset of the index of each tenant.

    Parameters
    ----------
    flow
        The flow that brings changes into it.
    words
        What is in it, in the plural.
    tenants
        The tenants that have some.
    resource
        Key of the resource that opens its stores.
    address
        Where the indexes are.

    Returns
    -------
    dg.AssetsDefinition
        Materializing a tenant rebuilds its index.
    """
    landed = dg.AssetKey.from_user_string(flow.landed)

    @dg.asset(
        key=dg.AssetKey.from_user_string(flow.indexed),
        deps=[dg.AssetDep(landed, partition_mapping=dg.AllPartitionMapping())],
        partitions_def=tenants,
        dagster_type=NOTHING,
        backfill_policy=ONE_RUN,
        required_resource_keys={resource},
        group_name="search",
        kinds={"aws", "lambda", "elasticsearch"},
        owners=[flow.dataset.owner],
        code_version=__version__,
        tags={"flow": flow.name, "layer": "accepted"},
        description=f"The index of {words} of each tenant, from the receipts of the stream; a tenant is a partition "
        "from its first change on. Ids of other characters than letters, digits, _ and - are encoded. Materializing a "
        "tenant rebuilds its index from the table, while both searches and changes go on.",
        metadata={URI: address},
    )
    def index(context: dg.AssetExecutionContext) -> Iterator[DayEvent]:
        stores = getattr(context.resources, resource)
        yield from RunDays(context).each(
            stores.open,
            lambda tenant, opened: [_rebuilt(context, flow, TenantId(tenant), opened)],
            lambda tenant, opened: opened.engines.of(TenantId(tenant)) is not None,
            "the tenant is removed",
        )

    return index


def _rebuilt(
    context: dg.AssetExecutionContext, flow: SearchFlow, tenant: TenantId, stores: SearchStores
) -> dg.AssetMaterialization:
    """Rebuild the index of a tenant."""
    named = _as_in_the_table(tenant, stores)
    done = rebuild(flow.kind, tenant, lambda: stores.table.items(named), stores)
    stores.ledger.mend(flow.indexed, tenant)
    place = Place(flow.indexed, tenant)
    said = (
        f"rebuilt of the table in {done.seconds:.1f} s: {counted(done.documents, 'document')}, "
        f"{counted(done.tombstones, 'tombstone')}; {done.carried_over} changed meanwhile"
    )
    context.log.info("%s %s: %s", flow.indexed, tenant, said)
    return materialization(
        event_of(place, [], __version__),
        place_state(stores.ledger, flow.name, place),
        (),
        context.instance,
        description=said,
        first={
            **_figures(flow.kind, stores, tenant, told_of_a_change=False).figures,
            "generation": done.generation,
            "carried_over": done.carried_over,
            "breaking_a_rule": done.rejected,
            "seconds_of_rebuild": done.seconds,
        },
    )


def _as_in_the_table(tenant: TenantId, stores: SearchStores) -> str:
    """Id of a tenant as the table has it, which may have other characters than a partition."""
    if next(iter(stores.table.items(tenant)), None):
        return tenant
    return next((each for each in stores.table.tenants() if tenant_id(each) == tenant), tenant)


def index_figures(flow: SearchFlow, resource: str) -> StoreFigures:
    """Figures of an index that its engine knows: how much is in it, and how long ago its latest change was made.

    Parameters
    ----------
    flow
        The flow that brings changes into it.
    resource
        Key of the resource that opens its stores.

    Returns
    -------
    StoreFigures
        Of each tenant.
    """
    return StoreFigures(flow.name, flow.indexed, resource, partial(_figures, flow.kind))


def _figures(kind: Kind, stores: SearchStores, tenant: str, *, told_of_a_change: bool = True) -> StoreSays:
    engine = stores.engines.of(TenantId(tenant))
    if engine is None:
        return StoreSays(sentence="the tenant is removed: its index is neither written nor searched")
    name = alias(stores.stage, kind, TenantId(tenant))
    found, there = engine.search(name, _LATEST), _total(engine.search(name, _THERE))
    figures: dict[str, int | float] = {"documents": there, "tombstones": _total(found) - there}
    made = next((hit["_source"].get("changed_at", "") for hit in found["hits"]["hits"]), "")
    # An index that nobody changes is not late.
    if made and told_of_a_change:
        lag = datetime.now(UTC) - datetime.fromisoformat(made)
        figures["lag_seconds"] = round(max(0.0, lag.total_seconds()), 3)
    return StoreSays(figures)


def _total(answer: Mapping[str, Any]) -> int:
    return int(answer["hits"]["total"]["value"])
