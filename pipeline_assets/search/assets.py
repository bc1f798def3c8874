"""The indexes as assets: what arrived of the streams of products and purchases, and the index of each tenant."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

import dagster as dg

from pipeline_assets import __version__
from pipeline_assets.compras.assets import tenants as tenants_of_purchases
from pipeline_assets.datasets.products import PRODUCTS
from pipeline_assets.events.environment import optional as optional_variable
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import StreamBatch
from pipeline_assets.lineage.addresses import TABLE_NAME, URI, named, server_uri
from pipeline_assets.lineage.bridge import Place
from pipeline_assets.lineage.columns import rules_table, schema_of
from pipeline_assets.lineage.external import quarantine_of
from pipeline_assets.lineage.materializations import materialization
from pipeline_assets.lineage.metadata import place_state
from pipeline_assets.lineage.partitions import ONE_RUN, arrival_days
from pipeline_assets.lineage.redo import event_of
from pipeline_assets.lineage.rejected import RejectionReader
from pipeline_assets.lineage.resources import EnvironmentResource, optional, required
from pipeline_assets.lineage.run_days import NOTHING, DayEvent, RunDays
from pipeline_assets.lineage.sentences import counted
from pipeline_assets.search.index_assets import index_asset, index_figures
from pipeline_assets.search.ingest import COMPRAS_SEARCH, PRODUCTS_SEARCH, SearchFlow
from pipeline_assets.search.stores import (
    ComprasSearchSettings,
    ProductsSearchSettings,
    SearchSettings,
    SearchStores,
    open_stores,
)

GROUP: Final = "search"
RESOURCES: Final = {PRODUCTS_SEARCH.name: "products_search_stores", COMPRAS_SEARCH.name: "compras_search_stores"}
#: Tenants that have products; those that have purchases are the partitions of `compras/tenants` too.
tenants_of_products = dg.DynamicPartitionsDefinition(name="tenants_of_products")
TENANTS: Final = {PRODUCTS_SEARCH.name: tenants_of_products, COMPRAS_SEARCH.name: tenants_of_purchases}


class SearchStoresResource(EnvironmentResource):
    """The stores of one flow into the index: engine, ledger, quarantine, and the table that its changes are of."""

    settings_class: ClassVar[type[SearchSettings]]
    quarantine_bucket: str = required("The name of the bucket for rejected changes")
    ledger_table: str = required("The name of the DynamoDB table of receipts")
    elasticsearch_url: str = required("The address of the search engine")
    elasticsearch_api_key: str = optional("The API key of the search engine, where no secret has it")
    elasticsearch_secret: str = optional("The secret with the credential of the search engine, and with its authority")
    elasticsearch_ca_file: str = optional("The file of who signs the engine's certificate, if not public")
    compras_currency: str = optional("The currency of prices that name none")
    stage: str = optional("The stage, which is part of the names of indexes")

    @property
    def settings(self) -> SearchSettings:
        """What the fields say; raises `MissingSettingError`."""
        return self.settings_class.from_environment(self.variables())

    @contextmanager
    def open(self) -> Iterator[SearchStores]:
        """Open all stores; raises `MissingSettingError`."""
        with open_stores(self.settings) as stores:
            yield stores


class ProductsSearchResource(SearchStoresResource):
    """The stores of products in the index."""

    settings_class = ProductsSearchSettings
    products_table: str = required("The name of the DynamoDB table of products")


class ComprasSearchResource(SearchStoresResource):
    """The stores of purchases in the index."""

    settings_class = ComprasSearchSettings
    compras_table: str = required("The name of the DynamoDB table of purchases")


_products_table = dg.AssetSpec(
    dg.AssetKey([GROUP, "t_MS3_productos"]),
    group_name=GROUP,
    kinds={"aws", "dynamodb", "table"},
    owners=[PRODUCTS.owner],
    description="The table of products, an item each. Its stream tells every change of an item, with what it was "
    "before and what it is, and feeds products-to-search.",
    metadata={
        "dagster/column_schema": schema_of(PRODUCTS.columns),
        TABLE_NAME: named("PRODUCTS_TABLE", "t_MS3_productos"),
    },
)


def _landed(flow: SearchFlow, table: dg.AssetKey, words: str) -> dg.AssetsDefinition:
    """The asset of what arrived of a stream."""
    resource = RESOURCES[flow.name]

    @dg.asset(
        key=dg.AssetKey.from_user_string(flow.landed),
        deps=[table],
        partitions_def=arrival_days,
        dagster_type=NOTHING,
        backfill_policy=ONE_RUN,
        required_resource_keys={resource},
        group_name=GROUP,
        kinds={"aws", "lambda"},
        owners=[flow.dataset.owner],
        code_version=__version__,
        tags={"flow": flow.name, "layer": "landed"},
        description=f"Changes of {words} by the UTC day they were made, on their way into the index; each that the "
        "stream told is accounted for here, once. Materializing a day brings in what was rejected, by today's rules.",
        metadata={"rules": rules_table(flow.dataset), URI: _address(flow)},
    )
    def landed(context: dg.AssetExecutionContext) -> Iterator[DayEvent]:
        stores: SearchStoresResource = getattr(context.resources, resource)
        yield from RunDays(context).each(
            stores.open,
            lambda day, opened: [_replayed(context, flow, day, opened)],
            lambda day, opened: bool(opened.ledger.account(flow.landed, day).sources),
            "no change is known",
        )

    return landed


def _replayed(
    context: dg.AssetExecutionContext, flow: SearchFlow, day: str, stores: SearchStores
) -> dg.AssetMaterialization:
    """Replay what was rejected of the batches of a day."""
    receipts: list[Receipt] = []
    for source in stores.ledger.sources(flow.landed, day):
        receipt = stores.ledger.receipt(source.id) if isinstance(source, StreamBatch) else None
        if receipt and receipt.counts.quarantined:
            receipts.append(flow.replay(receipt, stores))
    stores.ledger.mend(flow.landed, day)
    place = Place(flow.landed, day)
    account = stores.ledger.account(flow.landed, day)
    event = event_of(place, receipts, __version__, as_received=True)
    left = sum(receipt.counts.quarantined for receipt in receipts)
    said = f"{counted(len(receipts), 'batch', 'batches')} with rejected changes replayed; {left} still rejected"
    context.log.info("%s %s: %s", flow.landed, day, said)
    return materialization(
        event,
        place_state(stores.ledger, flow.name, place, as_received=True, account=account),
        (),
        context.instance,
        description=said,
        first=RejectionReader(lambda: stores.quarantine, context.log).metadata_of(event),
    )


def _address(flow: SearchFlow) -> str:
    """Where the indexes of a flow are."""
    return f"{server_uri('ELASTICSEARCH_URL')}/cesta-{optional_variable(None, 'STAGE', 'dev')}-{flow.kind}-*"


products_landed = _landed(PRODUCTS_SEARCH, _products_table.key, "products")
purchases_landed = _landed(COMPRAS_SEARCH, dg.AssetKey(["compras", "t_MS3_compras"]), "purchases")
INDEXES: Final = {
    flow.name: index_asset(flow, words, TENANTS[flow.name], RESOURCES[flow.name], _address(flow))
    for flow, words in ((PRODUCTS_SEARCH, "products"), (COMPRAS_SEARCH, "purchases"))
}
STORE_FIGURES: Final = tuple(index_figures(flow, RESOURCES[flow.name]) for flow in (PRODUCTS_SEARCH, COMPRAS_SEARCH))
SEARCH_ASSETS: list[dg.AssetsDefinition | dg.AssetSpec] = [
    _products_table,
    products_landed,
    purchases_landed,
    *INDEXES.values(),
    *(
        quarantine_of(
            flow.name, kind="json", owner=flow.dataset.owner, judged=[dg.AssetKey.from_user_string(flow.landed)]
        )
        for flow in (PRODUCTS_SEARCH, COMPRAS_SEARCH)
    ),
]
