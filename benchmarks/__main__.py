"""`make bench`: runs the benchmarks and prints what they measured, or writes it into docs/benchmarks.md."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated

import boto3
import typer
from botocore.config import Config
from elasticsearch import Elasticsearch

from benchmarks.cdc import BulkRace, seconds_to_the_hit
from benchmarks.compras import CompactionRace, put_documents
from benchmarks.curated_year import curated_year
from benchmarks.curation import CurationRace, in_a_process_of_its_own
from benchmarks.export import ExportRace, sources
from benchmarks.growth import BOUND, ROWS, Grown, put_day, work_out
from benchmarks.growth import ENGINES as DAY_ENGINES
from benchmarks.latency import seconds_to_the_graph
from benchmarks.prod_sets import FeatureRace, lines_in
from benchmarks.prod_sets import in_a_process_of_its_own as in_a_process
from benchmarks.purchases import ticket_files
from benchmarks.report import Report
from benchmarks.rounds import Comparison, compare
from benchmarks.search import SearchRace, percentiles
from benchmarks.search_rebuild import RebuildRace
from benchmarks.size import pass_through
from benchmarks.stocks import StockRace, price_files
from benchmarks.stream import PutRace, seconds_to_the_document
from benchmarks.tickets import TicketRace
from deploy.cli.deployment import enter
from deploy.cli.progress import bars
from deploy.local.instance import GraphEngine, Instance, LocalStackError
from deploy.local.outputs import environment_contract, read_outputs
from deploy.local.processes import keep_to_this_machine
from deploy.local.stack import local_stack
from lambdas._runtime.queue_handler import keep_what_is_loaded
from pipeline_assets.compras.stores import ComprasSettings
from pipeline_assets.compras.stores import open_stores as open_documents
from pipeline_assets.datasets.ecommerce import ORDER_LINES, ORDERS, PAYMENTS
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.graph.store import PurchaseGraph
from pipeline_assets.operations.access import Access
from pipeline_assets.search.stores import ProductsSearchSettings
from pipeline_assets.search.stores import open_stores as open_index
from pipeline_assets.stocks.stores import StockSettings, open_stores
from pipeline_assets.tickets.stores import TicketStores
from tests.engines.elasticsearch_server import ElasticsearchServer, elasticsearch_home, running_elasticsearch

ENGINES = {GraphEngine.EMBEDDED: "embedded graph", GraphEngine.NEO4J: "Neo4j Community"}
_PORT_BASE = 26_900
_PUTS_OF_A_ROUND = 5
_PASSES = 3
#: A busy machine may take so long for one request.
_PATIENT_SECONDS = 120.0
#: One document in so many is read by the slower way of the rival.
_PART = 20
#: How many shops the prod sets are made of, of a million and a half order lines each; their days are kept.
_SHOPS = (1, 3, 7)
_YEARS = Path(tempfile.gettempdir()) / "cesta-bench-years"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
WriteOption = Annotated[bool, typer.Option("--write", help="Put the result into docs/benchmarks.md.")]
RoundsOption = Annotated[int, typer.Option("--rounds", min=1, help="Rounds that count.")]
EngineOption = Annotated[GraphEngine, typer.Option("--engine", help="What the graph runs on.")]


@app.callback()
def prepare() -> None:
    """Measure what we claim of speed and size against the alternative, side by side."""
    keep_to_this_machine()


@app.command()
def tickets(*, rounds: RoundsOption = 7, rows: int = 20_000, write: WriteOption = False) -> None:
    """Rows per second of the ticket function, on both graphs, against those who are given more and row by row."""
    files = ticket_files(rows)
    results: dict[str, Comparison] = {}
    for engine, title in ENGINES.items():
        with _running(engine) as (_, access), _stores(access) as stores, bars() as progress:
            race = TicketRace(stores, access.bucket("quarantine"), files)
            race.warm_up()
            rivals = {
                "same Cypher and ledger, rows parsed before": race.parsed,
                "the same, statements and parameters made before": race.prepared,
                "one transaction per row": race.row_by_row,
            }
            for name, rival in rivals.items():
                results[f"{title}: {name}"] = compare(
                    f"{title}, {name}", race.ours, rival, rounds=rounds, progress=progress
                )
    Report(write=write).tell("tickets", _table(results, "rows"))


@app.command()
def stocks(*, rounds: RoundsOption = 7, rows: int = 5_000, write: WriteOption = False) -> None:
    """Items per second of the consumer's function against bare batch_write_item of the same items."""
    with _running(GraphEngine.EMBEDDED) as (instance, access), bars() as progress, ExitStack() as opened:
        os.environ.update(environment_contract(instance, access.document))
        stores = opened.enter_context(open_stores(StockSettings.from_environment()))
        table, bucket = access.table("stocks"), access.bucket("quarantine")
        # As quick as ours may be: ours builds its requests itself and does not have them checked either.
        dynamodb = boto3.client("dynamodb", config=Config(parameter_validation=False))
        keep_what_is_loaded()
        race = StockRace(stores, dynamodb, bucket, table, price_files(rows))
        found = compare("prices", race.ours, race.batch_write_item, rounds=rounds, progress=progress)
    Report(write=write).tell("stocks", _table({"bare `batch_write_item`": found}, "items"))


@app.command()
def latency(*, rounds: RoundsOption = 7, write: WriteOption = False) -> None:
    """Seconds from the upload of a small ticket file until its ticket is in the graph."""
    lines = ["| graph | files | median | 90 % | slowest |", "|---|---:|---:|---:|---:|"]
    for engine, title in ENGINES.items():
        with _running(engine) as (_, access), access.graph() as graph, bars() as progress:
            files = rounds * _PUTS_OF_A_ROUND
            seconds = seconds_to_the_graph(access, graph, files=files, progress=progress)
        ninety = quantiles(seconds, n=10)[-1]
        lines.append(f"| {title} | {files} | {median(seconds):.3f} s | {ninety:.3f} s | {max(seconds):.3f} s |")
    Report(write=write).tell("latency", "\n".join(lines))


@app.command()
def stream(*, rounds: RoundsOption = 7, write: WriteOption = False) -> None:
    """Documents a second of a stream of changes against bare conditional puts, and seconds from table to document."""
    with _running(GraphEngine.EMBEDDED) as (instance, access), bars() as progress:
        enter(instance)
        with open_documents(ComprasSettings.from_environment()) as stores:
            race = PutRace.of(stores)
            rivals = {"bare conditional puts": race.bare, "the same, as many at once": race.bare_at_once}
            found = {
                name: compare(name, race.ours, rival, rounds=rounds, progress=progress)
                for name, rival in rivals.items()
            }
        seconds = seconds_to_the_document(access, changes=rounds * _PUTS_OF_A_ROUND, progress=progress)
    Report(write=write).tell("stream", _table(found, "documents", "s"))
    ninety = quantiles(seconds, n=10)[-1]
    lines = ["| changes | median | 90 % | slowest |", "|---:|---:|---:|---:|"]
    lines.append(f"| {len(seconds)} | {median(seconds):.3f} s | {ninety:.3f} s | {max(seconds):.3f} s |")
    Report(write=write).tell("stream-latency", "\n".join(lines))


@app.command()
def cdc(*, rounds: RoundsOption = 7, write: WriteOption = False) -> None:
    """Documents a second of changes into the index against bare `streaming_bulk`, and seconds from table to hit."""
    with (
        _elasticsearch("cdc", _PORT_BASE + 90) as server,
        _running(GraphEngine.EMBEDDED, search=server.url) as (instance, access),
        Elasticsearch(server.url) as client,
        bars() as progress,
    ):
        enter(instance)
        with open_index(ProductsSearchSettings.from_environment()) as stores:
            race = BulkRace.of(stores, client)
            found = compare("index", race.ours, race.bare, rounds=rounds, progress=progress)
        changes = rounds * _PUTS_OF_A_ROUND
        seconds = seconds_to_the_hit(access, client, stores.stage, changes=changes, progress=progress)
    Report(write=write).tell("cdc", _table({"bare `streaming_bulk`": found}, "documents", "s"))
    ninety = quantiles(seconds, n=10)[-1]
    lines = ["| changes | median | 90 % | slowest |", "|---:|---:|---:|---:|"]
    lines.append(f"| {len(seconds)} | {median(seconds):.3f} s | {ninety:.3f} s | {max(seconds):.3f} s |")
    Report(write=write).tell("cdc-latency", "\n".join(lines))


@app.command()
def rebuild(*, rounds: RoundsOption = 3, documents: int = 100_000, write: WriteOption = False) -> None:
    """Documents a second of a rebuild of the index of a tenant against bare `streaming_bulk` into a new index."""
    with (
        _elasticsearch("rebuild", _PORT_BASE, heap="1g") as server,
        Elasticsearch(server.url, request_timeout=_PATIENT_SECONDS) as client,
        bars() as progress,
    ):
        race = RebuildRace.of(client, documents)
        found = compare("rebuild", race.ours, race.bare, rounds=rounds, progress=progress)
    table = _table({"bare `streaming_bulk`": found}, "documents")
    Report(write=write).tell("rebuild", f"{documents:,} documents in each round.\n\n{table}")


@app.command()
def search(*, documents: int = 100_000, queries: int = 2_000, write: WriteOption = False) -> None:
    """Milliseconds of a search through our code against the same body through the bare client, on Elasticsearch."""
    with _elasticsearch("search", _PORT_BASE) as server, bars() as progress:
        race = SearchRace(server.url)
        race.fill(documents, progress)
        ours, bare = race.milliseconds(queries, progress)
    lines = ["| | ours, ms | bare client, ms | ratio |", "|---|---:|---:|---:|"]
    for name, mine, theirs in zip(("median", "95 %"), percentiles(ours), percentiles(bare), strict=True):
        lines.append(f"| {name} | {mine:.1f} | {theirs:.1f} | **{mine / theirs:.2f}** |")
    text = f"{queries:,} queries over {documents:,} products of one tenant.\n\n"
    Report(write=write).tell("search", text + "\n".join(lines))


@app.command()
def size(*, rows: int = 10_000_000, engine: EngineOption = GraphEngine.NEO4J, write: WriteOption = False) -> None:
    """Memory and time of one file of very many rows through the deployed function."""
    with _scratch() as directory, _running(engine) as (instance, access), bars() as progress:
        done = pass_through(instance, access, directory, rows, progress)
    text = (
        f"| graph | rows | file | seconds | rows/s | greatest memory of a function's process |\n"
        f"|---|---:|---:|---:|---:|---:|\n"
        f"| {ENGINES[engine]} | {done.counts.received:,} | {done.file_bytes / 1e6:,.0f} MB | {done.seconds:,.0f} "
        f"| {done.counts.received / done.seconds:,.0f} | {done.peak / 2**20:,.0f} MiB |\n\n"
        f"{done.counts.accepted:,} accepted, {done.counts.duplicate:,} duplicate, "
        f"{done.counts.quarantined:,} quarantined, {done.counts.superseded:,} superseded."
    )
    Report(write=write).tell("size", text)


@app.command()
def export(*, rounds: RoundsOption = 7, days: int = 366, write: WriteOption = False) -> None:
    """Rows per second of the export against bare connectorx read plus Parquet write."""
    results: dict[str, Comparison] = {}
    with _scratch() as directory, sources(directory, days, _PORT_BASE) as urls, bars() as progress:
        for database, url in urls.items():
            for dataset in (ORDER_LINES, ORDERS, PAYMENTS):
                race = ExportRace(url, dataset, directory)
                name = f"{database}: {dataset.name}"
                results[name] = compare(name, race.ours, race.bare, rounds=rounds, progress=progress)
    Report(write=write).tell("export", _table(results, "rows"))


@app.command()
def curation(*, rounds: RoundsOption = 7, rows: int = 1_000_000, write: WriteOption = False) -> None:
    """Rows per second from raw files to a curated day, against the same rules in DuckDB's SQL and in pandas."""
    rivals = {"duckdb": "DuckDB", "pandas": "pandas on Arrow's types"}
    with _scratch() as directory, bars() as progress:
        race = CurationRace.of(directory, rows)
        results = {
            title: compare(title, race.side("ours"), race.side(name), rounds=rounds, progress=progress)
            for name, title in rivals.items()
        }
        peaks = {name: in_a_process_of_its_own(name, directory).peak for name in ("ours", *rivals)}
    measured = ", ".join(f"{rivals.get(name, name)} {peak / 2**20:,.0f} MiB" for name, peak in peaks.items())
    Report(write=write).tell("curation", f"{_table(results, 'rows')}\n\nGreatest memory of a process: {measured}.")


@app.command()
def compaction(*, rounds: RoundsOption = 3, documents: int = 100_000, write: WriteOption = False) -> None:
    """Documents per second of a day of purchases into Parquet, against DuckDB over the same files."""
    results: dict[str, Comparison] = {}
    # `read_json` takes some milliseconds a file, however many there are: a part of them will do.
    for title, name, count in (
        ("DuckDB, `read_text` and `from_json`", "read_text", documents),
        (f"DuckDB, `read_json`, of {documents // _PART:,} documents", "read_json", documents // _PART),
    ):
        with _scratch() as directory, bars() as progress:
            put_documents(directory, count)
            race = CompactionRace(directory, count)
            results[title] = compare(title, race.ours, getattr(race, name), rounds=rounds, progress=progress)
    Report(write=write).tell("compaction", _table(results, "documents"))


@app.command()
def days(*, write: WriteOption = False) -> None:
    """Seconds and memory of curated days of one to ten million rows, each in a process of its own."""
    lines = ["| rows | seconds | seconds per million | greatest memory |", "|---:|---:|---:|---:|"]
    for rows in (1_000_000, 2_000_000, 5_000_000, 10_000_000):
        with _scratch() as directory:
            CurationRace.of(directory, rows)
            passes = [in_a_process_of_its_own("ours", directory) for _ in range(_PASSES)]
        seconds = median(done.seconds for done in passes)
        peak = max(done.peak for done in passes) / 2**20
        lines.append(f"| {rows:,} | {seconds:.2f} | {seconds * 1e6 / rows:.2f} | {peak:,.0f} MiB |")
    Report(write=write).tell("days", "\n".join(lines))


@app.command()
def growth(
    *,
    rows: Annotated[list[int] | None, typer.Option("--rows", help="Rows of a day; may be given several times.")] = None,
    passes: int = _PASSES,
    write: WriteOption = False,
) -> None:
    """Seconds and memory of a curated day on Polars and on Spark, up to fifty million rows, within three gigabytes."""
    lines = [
        "| rows | raw bytes | Polars: seconds | of processors | memory | Spark: seconds | of processors | memory |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    stopped: set[str] = set()
    with _running(GraphEngine.EMBEDDED) as (instance, access), bars() as progress:
        environment = _growth_environment(instance, access)
        for count in rows or ROWS:
            size = put_day(access.s3, environment["RAW_BUCKET"], count, progress)
            found: dict[str, list[Grown]] = {engine: [] for engine in DAY_ENGINES}
            for number in range(passes):
                for engine in DAY_ENGINES if number % 2 else reversed(DAY_ENGINES):
                    if engine not in stopped:
                        found[engine].append(work_out(engine, environment))
            kept = {each.rows for passed in found.values() for each in passed if each.rows is not None}
            if len(kept) > 1:
                raise RuntimeError(f"of {count:,} rows the engines kept different numbers: {kept}")
            stopped |= {engine for engine, passed in found.items() if any(each.rows is None for each in passed)}
            cells = " | ".join(_grown(found[engine]) for engine in DAY_ENGINES)
            lines.append(f"| {count:,} | {size / 1e6:,.0f} MB | {cells} |")
    Report(write=write).tell("growth", "\n".join(lines))


def _growth_environment(instance: Instance, access: Access) -> dict[str, str]:
    """What a process of either engine needs: buckets of its own, of whose objects no function is told."""
    buckets = {name: f"growth-{name}" for name in ("raw", "curated", "quarantine")}
    for name in buckets.values():
        access.s3.create_bucket(Bucket=name)
    enter(instance)
    contract = {**os.environ, **environment_contract(instance, access.document), "LAKE_DATABASE": ""}
    return contract | {f"{name.upper()}_BUCKET": bucket for name, bucket in buckets.items()}


def _grown(passed: list[Grown]) -> str:
    """Seconds and memory of an engine on a day of one size."""
    if not passed:
        return "not tried again | |"
    peak = max(each.peak for each in passed) / 2**20
    if any(each.rows is None for each in passed):
        after = max(each.seconds for each in passed)
        return f"ended over {BOUND / 1e9:.0f} GB after {after:.0f} | | more than {peak:,.0f} MiB"
    cpu = median(each.cpu for each in passed)
    seconds = [each.seconds for each in passed]
    return f"{median(seconds):.1f} ({min(seconds):.1f} to {max(seconds):.1f}) | {cpu:.1f} | {peak:,.0f} MiB"


@app.command()
def prod(*, rounds: RoundsOption = 5, passes: int = _PASSES, write: WriteOption = False) -> None:
    """Features of the prod sets against statements by hand, all sets in time and memory, and how both grow."""
    with _scratch() as directory, bars() as progress:
        year = curated_year(_YEARS, 1)
        race = FeatureRace(year, directory)
        race.compare()
        found = compare("features", race.ours, race.by_hand, rounds=rounds, progress=progress)
    against = _table({f"DuckDB's SQL by hand, {race.lines:,} lines": found}, "lines", "s of processor")
    Report(write=write).tell("prod-features", against)
    Report(write=write).tell("prod-sets", _prod_sets(year, passes))
    Report(write=write).tell("prod-growth", _prod_growth(passes))


def _prod_sets(year: Path, passes: int) -> str:
    """What the reader and each set take, each pass in a process of its own."""
    lines = ["| | seconds | seconds of processors | greatest memory of the process |", "|---|---:|---:|---:|"]
    for what in ("reader", "sets"):
        done = [in_a_process(what, year) for _ in range(passes)]
        peak = max(each.peak for each in done) / 2**20
        for name in done[0].spent:
            wall, cpu = (median(getattr(each.spent[name], kind) for each in done) for kind in ("wall", "cpu"))
            lines.append(f"| {name} | {wall:.1f} | {cpu:.1f} | {f'{peak:,.0f} MiB' if what == 'reader' else ''} |")
    wall, cpu = median(each.wall for each in done), median(each.cpu for each in done)
    return "\n".join([*lines, f"| **all five sets** | {wall:.1f} | {cpu:.1f} | {peak:,.0f} MiB |"])


def _prod_growth(passes: int) -> str:
    """Features and sets of one to seven shops."""
    lines = [
        "| order lines | features, processor s per million | memory | all sets, processor s per million | memory |",
        "|---:|---:|---:|---:|---:|",
    ]
    for times in _SHOPS:
        year = curated_year(_YEARS, times)
        rows = lines_in(year)
        cells = [f"{rows:,}"]
        for what in ("features", "sets"):
            done = [in_a_process(what, year) for _ in range(passes)]
            cells.append(f"{median(each.cpu for each in done) * 1e6 / rows:.2f}")
            cells.append(f"{max(each.peak for each in done) / 2**20:,.0f} MiB")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


@contextmanager
def _running(engine: GraphEngine, search: str | None = None) -> Iterator[tuple[Instance, Access]]:
    """A local instance without Dagster, with a graph of this kind, and another search engine where one is given."""
    with _scratch() as directory:
        instance = Instance.at(directory, _PORT_BASE, engine, search)
        with local_stack(instance, dagster=False) as stack:
            stack.start(dagster=False)
            yield instance, Access(read_outputs(instance))


@contextmanager
def _elasticsearch(
    name: str, port: int, *, heap: str = "512m", java_options: str = ""
) -> Iterator[ElasticsearchServer]:
    """A real Elasticsearch; where it cannot be had, the benchmark of this name ends by saying so."""
    try:
        elasticsearch_home()
    except LocalStackError as error:
        typer.echo(f"{name} is not measured: {error}", err=True)
        raise typer.Exit from None
    with running_elasticsearch(port, heap=heap, java_options=java_options) as server:
        yield server


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cesta-bench-") as directory:
        yield Path(directory)


@contextmanager
def _stores(access: Access) -> Iterator[TicketStores]:
    graph = access.document["graph"]
    quarantine = JsonLinesQuarantine(access.open_bucket("quarantine"), "tickets")
    ledger = Ledger(access.dynamodb, access.table("ledger"))
    with PurchaseGraph.connect(graph["uri"], graph["user"], graph["password"]) as purchases:
        purchases.ensure_schema()
        keep_what_is_loaded()
        yield TicketStores(access.storage, ledger, purchases, quarantine)


def _table(results: dict[str, Comparison], unit: str, by: str = "s") -> str:
    lines = [
        f"| against | ours, {unit}/{by} | the other, {unit}/{by} | ratio, round by round |",
        "|---|---:|---:|---:|",
    ]
    lines += [f"| {name} | {found.ours} | {found.rival} | **{found.ratio}** |" for name, found in results.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    app()
