"""Checks of the indexes: each account adds up, and each index is as its table, and the lake, are."""

import time
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

import dagster as dg

from pipeline_assets.compras.assets import RESOURCE as COMPRAS_RESOURCE
from pipeline_assets.compras.current import latest_documents
from pipeline_assets.compras.day import tenants_with_documents
from pipeline_assets.compras.stores import ComprasStores
from pipeline_assets.events.tenants import TenantId
from pipeline_assets.lineage.conservation import conservation_check
from pipeline_assets.lineage.partitions import arrival_days
from pipeline_assets.lineage.retries import RETRIES
from pipeline_assets.lineage.sentences import counted
from pipeline_assets.search.assets import INDEXES, RESOURCES, TENANTS
from pipeline_assets.search.index import SearchIndex
from pipeline_assets.search.ingest import COMPRAS_SEARCH, PRODUCTS_SEARCH, SearchFlow
from pipeline_assets.search.names import alias
from pipeline_assets.search.recover import Recovered, recover
from pipeline_assets.search.stores import SearchStores

#: What is on its way through the stream arrives meanwhile.
_ON_ITS_WAY_SECONDS: Final = 5.0
_FIRST, _LAST = date(1900, 1, 1), date(9999, 12, 31)
#: Every night: it reads the whole table and the whole index.
_NIGHTLY: Final = dg.AutomationCondition.on_cron("17 3 * * *").with_label("every night")


class Reconciliation(dg.Config):
    """What becomes of what is found.

    Parameters
    ----------
    mend
        Whether the index is brought into the state of the table; if not, what is otherwise is told alone.
    """

    mend: bool = False


def _as_the_table_is(flow: SearchFlow, lake: str = "") -> dg.AssetChecksDefinition:
    """The check that compares table, index and, of purchases, lake; `lake` is the resource that opens that."""
    resource = RESOURCES[flow.name]

    @dg.asset_check(
        asset=INDEXES[flow.name],
        name="as_the_table_is",
        required_resource_keys={resource, lake} if lake else {resource},
        retry_policy=RETRIES,
        automation_condition=_NIGHTLY,
        description=f"Every item of the table has its document, and no document is of an item that is gone"
        f"{', nor lacks in the lake' if lake else ''}. With `mend: true` in the configuration of the run, or by `cesta "
        f"reconcile {flow.name}`, what is otherwise is written.",
    )
    def check(context: dg.AssetCheckExecutionContext, config: Reconciliation) -> dg.AssetCheckResult:
        with getattr(context.resources, resource).open() as stores:
            found = _compared(flow, stores, mend=config.mend)
            metadata: dict[str, Any] = {
                "items": found.items,
                "otherwise_in_the_index": found.changes,
                "breaking_a_rule": found.rejected,
            }
            apart = dict[str, int]()
            if lake:
                with getattr(context.resources, lake).open() as opened:
                    apart = dict(_apart_from_the_lake(flow, stores, opened))
                metadata["otherwise_in_the_lake"] = sum(apart.values())
        mended = found.changes if config.mend else 0
        left = found.changes - mended + sum(apart.values())
        return dg.AssetCheckResult(
            passed=not left,
            severity=dg.AssetCheckSeverity.ERROR,
            description=_sentence(found, mended, apart),
            metadata={**metadata, "mended": mended},
        )

    return check


def _compared(flow: SearchFlow, stores: SearchStores, *, mend: bool) -> Recovered:
    """Compare table and index, a second time where they differ: what is on its way arrives meanwhile."""
    found = recover(flow.kind, stores, mend=False)
    if found.changes:
        time.sleep(_ON_ITS_WAY_SECONDS)
        found = recover(flow.kind, stores, mend=mend)
    found.check()
    return found


def _apart_from_the_lake(flow: SearchFlow, stores: SearchStores, lake: ComprasStores) -> Iterator[tuple[str, int]]:
    """Tenants whose purchases the index and the latest documents of the lake do not both have, and how many of them."""
    for tenant in tenants_with_documents(lake.documents):
        engine = stores.engines.of(tenant)
        if engine is None:
            continue
        name = alias(stores.stage, flow.kind, tenant)
        differing = _not_in_both(tenant, name, engine, lake)
        if differing:
            time.sleep(_ON_ITS_WAY_SECONDS)
            differing &= _not_in_both(tenant, name, engine, lake)
        if differing:
            yield tenant, len(differing)


def _not_in_both(tenant: TenantId, name: str, engine: SearchIndex, lake: ComprasStores) -> set[str]:
    """Purchases of a tenant that stand in the index alone or in the lake alone."""
    latest = latest_documents(lake.documents, tenant, _FIRST, _LAST).values()
    return {each.compra for each in latest if not each.removal} ^ {each.id for each in engine.scan(name)}


def _sentence(found: Recovered, mended: int, apart: dict[str, int]) -> str:
    items = counted(found.items, "item")
    said = f"the index is as the {items} of the table are"
    if found.changes:
        said = f"{counted(found.changes, 'document')} of {items} were otherwise than the table"
        said += ", and are mended" if mended else ""
    if apart:
        named = ", ".join(f"{number} of {tenant}" for tenant, number in list(apart.items())[:20])
        said += f"; the lake has other purchases than the index: {named}"
    return said


SEARCH_CHECKS = [
    check
    for flow, lake in ((PRODUCTS_SEARCH, ""), (COMPRAS_SEARCH, COMPRAS_RESOURCE))
    for check in (
        conservation_check(dg.AssetKey.from_user_string(flow.landed), arrival_days, flow.name),
        conservation_check(dg.AssetKey.from_user_string(flow.indexed), TENANTS[flow.name], flow.name),
        _as_the_table_is(flow, lake),
    )
]
