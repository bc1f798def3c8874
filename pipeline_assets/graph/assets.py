"""The purchase graph as an asset; to materialize it brings in what the graph lacks."""

import dagster as dg

from pipeline_assets import __version__
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.accounts import flow_state, sources_table, state_figures, work_figures
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.tickets.assets import SOLD_KEY, TicketStoresResource

_FLOW = "tickets"
PURCHASE_GRAPH_KEY = dg.AssetKey(["purchase_graph"])


_MODEL = """\
| in the graph | from the columns |
|---|---|
| `(:Ticket)` | ticket_id |
| `(:Basket)` | basket_id |
| `(:Product)` | product |
| `(:Category)` | category |
| `(:Store)` | store |
| `(:Ticket)-[:CONTAINS]->(:Product)` | ticket_id, product, quantity, timestamp |
| `(:Ticket)-[:PART_OF]->(:Basket)` | ticket_id, basket_id |
| `(:Ticket)-[:SOLD_AT]->(:Store)` | ticket_id, store |
| `(:Product)-[:IN_CATEGORY]->(:Category)` | product, category |
"""


@dg.asset(
    key=PURCHASE_GRAPH_KEY,
    # All purchase days make one graph.
    deps=[dg.AssetDep(SOLD_KEY, partition_mapping=dg.AllPartitionMapping())],
    group_name="graph",
    kinds={"neo4j"},
    owners=[TICKETS.owner],
    code_version=__version__,
    tags={"flow": _FLOW, "layer": "graph"},
    description="Who bought what, when, where and together: tickets, baskets, products, categories and stores. "
    "Materializing it brings in every file that the ledger knows and the graph lacks, so a lost graph is built anew.",
    metadata={"model": dg.MetadataValue.md(_MODEL)},
)
def purchase_graph(context: dg.AssetExecutionContext, stores: TicketStoresResource) -> dg.MaterializeResult[None]:
    """The purchase graph, complete by the ledger."""
    done = stores.catch_up(context.log.info)
    with stores.open() as opened:
        state = flow_state(opened.ledger, _FLOW)
        sizes = opened.graph.sizes()
    said = f"{done.known} files are known, {len(done.restored)} were not in the graph and are now"
    context.log.info("%s", said)
    for receipt in done.missing:
        context.log.warning("neither in the graph nor in the bucket: %s", receipt.refused)
    restored = [receipt.source for receipt in done.restored]
    counts = sum((receipt.counts for receipt in done.restored), Counts())
    size = sum(receipt.size for receipt in done.restored)
    refused = sum(bool(receipt.refused) for receipt in done.restored)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(state.data_version),
        metadata={
            **state_figures("purchase_graph", "", state),
            "dagster/row_count": sizes["CONTAINS"],
            **work_figures(counts, size=size, seconds=done.seconds, objects=len(restored), refused=refused),
            **{f"graph_{name.lower()}": number for name, number in sizes.items()},
            "size": dg.MetadataValue.md(_size_table(sizes)),
            "code_version": __version__,
            "result": said,
            "objects_missing": len(done.missing),
            "sources": dg.MetadataValue.md(sources_table(restored)),
        },
    )


def _size_table(sizes: dict[str, int]) -> str:
    rows = [f"| {name} | {number} |" for name, number in sizes.items()]
    return "\n".join(["| nodes or relationships | number |", "|---|---:|", *rows])
