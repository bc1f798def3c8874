"""The purchase graph as an asset; to materialize it brings in what the graph lacks."""

from typing import Any

import dagster as dg
from pydantic import Field

from pipeline_assets import __version__
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.errors import TransientError
from pipeline_assets.events.environment import MissingSettingError
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.lineage.addresses import URI, server_uri
from pipeline_assets.lineage.asset_keys import PURCHASE_GRAPH_KEY
from pipeline_assets.lineage.metadata import flow_state, sources_table, state_figures, work_figures
from pipeline_assets.lineage.policies import EVERY_OPEN_DAY
from pipeline_assets.lineage.redo import now_and_then
from pipeline_assets.lineage.retries import RETRIES
from pipeline_assets.lineage.store_figures import StoreFigures, StoreSays
from pipeline_assets.tickets.assets import SOLD_KEY, TicketStoresResource
from pipeline_assets.tickets.catch_up import catch_up
from pipeline_assets.tickets.rebuild import ObjectsGoneError, rebuild_graph
from pipeline_assets.tickets.stores import TicketStores

_FLOW = "tickets"
_COMPARED = {
    True: "it says exactly what it said before",
    False: "it does not say what it said before, although the files are the same",
    None: "it cannot be compared with the one before, as files arrived or were missing",
}

_MODEL = """\
| in the graph | from the columns |
|---|---|
| `(:Ticket)` | store, ticket_id, basket_id and the day of the timestamp |
| `(:Basket)` | store, basket_id and the day of the timestamp |
| `(:Product)` | product |
| `(:Category)` | category |
| `(:Store)` | store |
| `(:Ticket)-[:CONTAINS]->(:Product)` | ticket_id, product, quantity, timestamp |
| `(:Ticket)-[:PART_OF]->(:Basket)` | ticket_id, basket_id |
| `(:Ticket)-[:SOLD_AT]->(:Store)` | ticket_id, store |
| `(:Product)-[:IN_CATEGORY]->(:Category)` | product, category |
"""


class GraphWork(dg.Config):
    """What a materialization of the graph is to do."""

    rebuild: bool = Field(
        default=False,
        description="Empty the graph and work every stored version of every ticket file in again, instead of bringing "
        "in only what it lacks. Until that is done the graph answers from what it has.",
    )
    force: bool = Field(
        default=False,
        description="Rebuild even if tickets of files that are no longer in the bucket are lost by it.",
    )


@dg.asset(
    key=PURCHASE_GRAPH_KEY,
    # All purchase days make one graph.
    deps=[dg.AssetDep(SOLD_KEY, partition_mapping=dg.AllPartitionMapping())],
    group_name="graph",
    kinds={"aws", "neo4j"},
    owners=[TICKETS.owner],
    code_version=__version__,
    retry_policy=RETRIES,
    tags={"flow": _FLOW, "layer": "graph", **EVERY_OPEN_DAY},
    description="Who bought what, when, where and together: tickets, baskets, products, categories and stores. "
    "Materializing it brings in every file that the ledger knows and the graph lacks, so a lost graph is built anew. "
    "The job rebuild_purchase_graph empties it first and goes by the bucket instead of the ledger.",
    metadata={"model": dg.MetadataValue.md(_MODEL), URI: server_uri("NEO4J_URI")},
)
def purchase_graph(
    context: dg.AssetExecutionContext, config: GraphWork, stores: TicketStoresResource
) -> dg.MaterializeResult[None]:
    """The purchase graph, complete by the ledger or, rebuilt, by the bucket."""
    worked = _rebuilt(context, stores, force=config.force) if config.rebuild else _caught_up(context, stores)
    with stores.open() as opened:
        state = flow_state(opened.ledger, _FLOW)
        figures = _graph_figures(opened, "").figures
    context.log.info("%s", worked["result"])
    return dg.MaterializeResult(
        data_version=dg.DataVersion(state.data_version),
        metadata={
            **state_figures("", state),
            **figures,
            "code_version": __version__,
            **worked,
        },
    )


def _graph_figures(stores: TicketStores, partition: str) -> StoreSays:
    """How much is in the graph; its rows are lines, the relationships of tickets and products."""
    del partition
    sizes = stores.graph.sizes()
    return StoreSays(
        {
            "dagster/row_count": sizes["CONTAINS"],
            **{f"graph_{name.lower()}": number for name, number in sizes.items()},
            "size": dg.MetadataValue.md(_size_table(sizes)),
        }
    )


GRAPH_FIGURES = StoreFigures(_FLOW, PURCHASE_GRAPH_KEY.to_user_string(), "stores", _graph_figures)


rebuild_purchase_graph = dg.define_asset_job(
    "rebuild_purchase_graph",
    selection=dg.AssetSelection.assets(PURCHASE_GRAPH_KEY),
    config=dg.RunConfig(ops={"purchase_graph": GraphWork(rebuild=True)}),
    description="Empties the purchase graph and builds it anew from every version of every ticket file in the bucket. "
    "Files that arrive meanwhile are worked in as always. Stops before it changes anything when tickets would be lost "
    "whose files are no longer in the bucket. A run that breaks off is mended by the next one.",
)


def _caught_up(context: dg.AssetExecutionContext, stores: TicketStoresResource) -> dict[str, Any]:
    """Bring in what the graph lacks, and tell of it."""
    with stores.open() as opened:
        done = catch_up(opened, progress=now_and_then(context.log.info))
    for receipt in done.missing:
        context.log.warning("neither in the graph nor in the bucket: %s", receipt.refused)
    restored = [receipt.source for receipt in done.restored]
    counts = sum((receipt.counts for receipt in done.restored), Counts())
    size = sum(receipt.size for receipt in done.restored)
    refused = sum(bool(receipt.refused) for receipt in done.restored)
    return {
        **work_figures(counts, size=size, seconds=done.seconds, objects=len(restored), refused=refused),
        "result": f"{done.known} files are known, {len(restored)} were not in the graph and are now",
        "objects_missing": len(done.missing),
        "sources": dg.MetadataValue.md(sources_table(restored)),
    }


def _rebuilt(context: dg.AssetExecutionContext, stores: TicketStoresResource, *, force: bool) -> dict[str, Any]:
    """Build the graph anew, and tell how it was before."""
    tell = now_and_then(context.log.info)
    try:
        bucket = stores.settings.require_bucket()
        with stores.open() as opened:
            done = rebuild_graph(
                opened, bucket, force=force, progress=lambda what, now, of: tell(f"{what}: {now} of {of}")
            )
    except ObjectsGoneError as error:
        raise dg.Failure(f"{error}. `force` goes on without them.", allow_retries=False) from error
    except MissingSettingError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    except TransientError as error:
        # Trying again would begin by emptying what is in already.
        message = f"{error}. The graph is not complete: materialize purchase_graph to bring in what it lacks."
        raise dg.Failure(message, allow_retries=False) from error
    for uri in done.missing:
        context.log.warning("lost to the graph, since no longer in the bucket: %s", uri)
    return {
        **work_figures(done.counts, size=done.size, seconds=done.seconds, objects=done.objects, refused=done.refused),
        "result": f"built anew from {done.objects} file versions in {done.seconds:.1f} s; {_COMPARED[done.same]}",
        "objects_missing": len(done.missing),
        "size_before": dg.MetadataValue.md(_size_table(done.before)),
    }


def _size_table(sizes: dict[str, int]) -> str:
    rows = [f"| {name} | {number} |" for name, number in sizes.items()]
    return "\n".join(["| nodes or relationships | number |", "|---|---:|", *rows])
