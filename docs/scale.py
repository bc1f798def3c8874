"""`python -m docs.scale`: writes the tables of docs/scale.md from a model of a thousand stores; a test compares them.

What is measured is in docs/benchmarks.md, what the template bounds is read from it and from the registry of flows; what
is assumed of the shop, and what AWS asks for, is in `docs.scale_model`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, exp
from pathlib import Path
from typing import Final

import yaml

from docs.scale_model import (
    CHANGES_OF_A_PURCHASE,
    CHECK,
    COMPACTED_A_SECOND,
    CURATED_BYTES_A_LINE,
    DOCUMENTS_A_SECOND,
    FEAST,
    GB_HOUR,
    GRAPH_BYTES_A_LINE,
    GRAPH_LINES_A_SECOND,
    KEY_WRITES,
    LAMBDA_GB_SECOND,
    LEDGER_BYTES,
    LEDGER_GB,
    LINES_A_YEAR,
    LINES_OF_A_TICKET,
    MATERIALIZATION,
    OPEN_DAYS,
    OPEN_SECONDS,
    POLARS_MIB,
    PUT_BYTES,
    PUT_TOGETHER_A_SECOND,
    RECEIPT_ID,
    RELATIONSHIPS,
    S3_GB,
    S3_PUT,
    SECONDS_A_FILE,
    SETS_MIB,
    SPARK_SECONDS_A_MILLION,
    STREAM_SHARDS,
    TICK,
    USUAL,
    VCPU_HOUR,
    WRITE_UNIT,
    Receipts,
    receipts_of,
    tickets_through,
)
from docs.scale_queue import FILES_AN_HOUR, HOURS, STORES, Arrival, arrivals
from pipeline_assets.raw.extract import PART_ROWS

PAGE: Final = Path(__file__).with_suffix(".md")
_TEMPLATE: Final = Path(__file__).parents[1] / "deploy" / "template.yaml"

#: Letters of what still counts as a number in a table.
_LONGEST_NUMBER: Final = 20


def page() -> str:
    """The page as it should be: its own words, with each table between its marks."""
    usual, feast = arrivals(USUAL), arrivals(USUAL * FEAST)
    receipts = receipts_of(usual)
    tables = {
        "limits": _limits(receipts),
        "volumes": _volumes(),
        "queue": _queue(usual, feast),
        "ledger": _ledger(receipts),
        "dagster": _dagster(receipts),
        "days": _days(),
        "spark": _spark(),
        "costs": _costs(receipts),
    }
    text = PAGE.read_text(encoding="utf-8")
    for name, table in tables.items():
        before, begins, rest = text.partition(f"<!-- {name} -->\n")
        _, ends, after = rest.partition("<!-- end -->")
        if not begins or not ends:
            raise ValueError(f"{PAGE.name} has no place for {name}")
        text = f"{before}{begins}\n{table}\n\n{ends}{after}"
    return text


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table of Markdown; columns of numbers stand to the right."""
    of_words = [any(len(str(row[place])) > _LONGEST_NUMBER for row in rows) for place in range(len(head))]
    ruler = ["---" if words or not place else "---:" for place, words in enumerate(of_words)]
    lines = [head, ruler, *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def _short(number: float) -> str:
    """A number with two digits that count, or three from a hundred on."""
    if number == 0:
        return "0"
    if number >= 1e9:  # noqa: PLR2004 - a billion
        return f"{number / 1e9:,.3g} billion"
    if number >= 1e6:  # noqa: PLR2004 - a million
        return f"{number / 1e6:,.3g} million"
    return f"{number:,.0f}" if number >= 100 else f"{number:.2g}"  # noqa: PLR2004 - a hundred


def _volumes() -> str:
    tickets = LINES_A_YEAR / LINES_OF_A_TICKET
    files = STORES * len(HOURS) * FILES_AN_HOUR
    raw = sum(ceil(rows / PART_ROWS) for rows in (USUAL, *(2 * [USUAL / LINES_OF_A_TICKET]))) + 4
    documents = tickets * CHANGES_OF_A_PURCHASE
    rows = [
        ("order lines", USUAL, LINES_A_YEAR),
        ("tickets, which are orders and payments", tickets / OPEN_DAYS, tickets),
        ("files of tickets, one a store and quarter of an hour", files, files * OPEN_DAYS),
        ("raw objects of the lake, a million rows each", raw, raw * OPEN_DAYS),
        ("curated objects of the lake, one a table and day", 7, 7 * OPEN_DAYS),
        ("documents of purchases, one a change", documents / OPEN_DAYS, documents),
        ("partitions that SQL knows: tables of the lake, of rejected rows, of the sets", 40, 40 * OPEN_DAYS),
    ]
    return _table(("", "a usual day", "a year"), [(name, _short(day), _short(year)) for name, day, year in rows])


def _queue(usual: Sequence[Arrival], feast: Sequence[Arrival]) -> str:
    rows: list[tuple[object, ...]] = []
    for name, files in (("usual", usual), ("before a feast", feast)):
        for writers in (2, 4, 8):
            waits = tickets_through(files, writers)
            rows.append((
                name, writers, f"{waits.busy:.0%}", f"{waits.middle:.1f} s", f"{waits.late:.1f} s",
                f"{waits.longest:.1f} s", f"{waits.most_waiting:,}",
            ))  # fmt: skip
    return _table(("day", "writers", "busy", "half wait", "one in a hundred waits", "longest", "most waiting"), rows)


def _ledger(receipts: Sequence[Receipts]) -> str:
    rows: list[tuple[object, ...]] = [
        (
            each.flow, _short(each.a_day), f"{each.a_second:.1f}", each.write_units,
            _short(each.a_second * each.write_units), f"{each.of_one_key / KEY_WRITES:.1%}",
            _short(each.a_day * OPEN_DAYS * LEDGER_BYTES / 1e9),
        )
        for each in receipts
    ]  # fmt: skip
    head = ("flow", "receipts a day", "a second at most", "write units each", "a second", "of one key's", "GB a year")
    return _table(head, rows)


def _dagster(receipts: Sequence[Receipts]) -> str:
    rows: list[tuple[object, ...]] = []
    for seconds in (5, 60, 600):
        events, size = 0.0, 0.0
        for each in receipts:
            ticks = OPEN_SECONDS / seconds * (1 - exp(-each.a_day / OPEN_SECONDS * seconds))
            events += ticks * (each.places + 1)
            size += ticks * (each.places * MATERIALIZATION + CHECK) + each.a_day * each.places * RECEIPT_ID
        rows.append((f"{seconds} s", _short(events), f"{size / 1e6:,.0f}", f"{size * OPEN_DAYS / 1e9:,.0f}"))
    quiet = 9 * 86_400 / 5
    rows.append(("ticks without news, kept for a day", _short(quiet), f"{quiet * TICK / 1e6:,.0f}", ""))
    return _table(("how often a bridge tells", "rows a day", "MB a day", "GB a year"), rows)


def _days() -> str:
    default = int(_parameter("CurationMemory"))
    rows: list[tuple[object, ...]] = []
    for name, lines in (
        ("a tenth of the shop", USUAL / 10), ("a usual day", USUAL), ("before a feast", USUAL * FEAST),
        ("ten such shops", USUAL * 10),
    ):  # fmt: skip
        memory = POLARS_MIB[0] + POLARS_MIB[1] * lines / 1e6
        engine = "the function" if memory < default else "the function with 10,240 MB" if memory < 10_240 else "Spark"  # noqa: PLR2004 - what Lambda has at most
        tasks = ceil(lines / PART_ROWS)
        rows.append(
            (name, _short(lines), f"{lines * CURATED_BYTES_A_LINE / 1e9:.1f} GB", f"{memory:,.0f} MiB", engine, tasks)
        )
    return _table(
        ("day", "order lines", "curated object", "memory on Polars", "who can work it", "tasks on Spark"), rows
    )


def _spark() -> str:
    rows: list[tuple[object, ...]] = []
    for vcpus in (16, 32, 64, 128, 256):
        cells: list[object] = [vcpus]
        for lines in (USUAL, USUAL * FEAST, USUAL * 10):
            # As many as there are vCPUs, and no more of them than tasks.
            at_once = min(vcpus, ceil(lines / PART_ROWS))
            in_tasks = lines / 1e6 * SPARK_SECONDS_A_MILLION / at_once
            minutes = 1.5 + (in_tasks + lines * CURATED_BYTES_A_LINE / PUT_TOGETHER_A_SECOND) / 60
            price = vcpus * minutes / 60 * (VCPU_HOUR + 8 * GB_HOUR)
            cells.append(f"{minutes:.1f} min, {price:.2f} USD")
        rows.append(tuple(cells))
    return _table(("vCPUs", "a usual day", "before a feast", "ten such shops"), rows)


def _costs(receipts: Sequence[Receipts]) -> str:
    month = OPEN_DAYS / 12
    tickets = LINES_A_YEAR / LINES_OF_A_TICKET / OPEN_DAYS
    documents = tickets * CHANGES_OF_A_PURCHASE
    units = sum(each.a_day * each.write_units for each in receipts)
    search = next(each for each in receipts if each.flow == "compras-search")
    seconds = USUAL / GRAPH_LINES_A_SECOND + STORES * len(HOURS) * FILES_AN_HOUR * SECONDS_A_FILE
    kept = LINES_A_YEAR * 2 * CURATED_BYTES_A_LINE / 1e9 + documents * OPEN_DAYS * 1_200 / 1e9
    ledger = sum(each.a_day for each in receipts) * OPEN_DAYS * LEDGER_BYTES / 1e9
    spark = 64 * 0.25 * (VCPU_HOUR + 8 * GB_HOUR)
    rows = [
        ("documents of purchases, a put each", documents * month * S3_PUT),
        ("the ledger's writes", units * month * WRITE_UNIT),
        ("of them those of `compras-search` at a window of 0", search.a_day * search.write_units * month * WRITE_UNIT),
        ("the ledger after a year", ledger * LEDGER_GB),
        ("objects in S3 after a year", kept * S3_GB),
        ("`tickets-ingestion`, 512 MB", seconds * 0.5 * month * LAMBDA_GB_SECOND),
        ("Spark, 64 vCPUs for a quarter of an hour a night", spark * month),
    ]
    return _table(("", "USD a month"), [(name, f"{usd:,.0f}") for name, usd in rows])


def _limits(receipts: Sequence[Receipts]) -> str:
    """What breaks at how many lines a year, in that order."""
    # Its files grow with the stores; batches of a stream grow in size before they grow in number.
    waiting = next(each.of_one_key for each in receipts if each.flow == "tickets")
    writers = int(_parameter("TicketsConcurrency"))
    changes_of_a_line = CHANGES_OF_A_PURCHASE / LINES_OF_A_TICKET
    busiest = max(HOURS) / sum(HOURS) / 3600
    memory = int(_parameter("CurationMemory"))
    by_memory = (memory - POLARS_MIB[0]) / POLARS_MIB[1] * 1e6 / FEAST * OPEN_DAYS
    rows = sorted([
        (
            (memory - SETS_MIB[0]) / SETS_MIB[1] * 1e6,
            "`curated-to-prod` has too little memory for the sets of a year",
            "its features are worked out on Spark",
        ),
        (
            by_memory,
            "`raw-to-curated` has too little memory for a day before a feast",
            "`CurationMemory`; from `DAY_BYTES_IN_FUNCTION` on it hands the day to Spark by itself",
        ),
        (
            (10_240 - POLARS_MIB[0]) / POLARS_MIB[1] * 1e6 / FEAST * OPEN_DAYS,
            "the same with the most memory that Lambda has",
            "Spark",
        ),
        (
            1e12 / GRAPH_BYTES_A_LINE,
            "a year of the graph takes a terabyte of its host",
            "larger disks; a graph for each region; or years of their own, made by `cesta export graph`",
        ),
        (
            RELATIONSHIPS,
            "Neo4j Community numbers no more relationships than 34 billion",
            "the same, or Neo4j Enterprise with another store format",
        ),
        (
            LINES_A_YEAR * KEY_WRITES / waiting,
            "receipts of one flow wait under one key, of 1,000 writes a second",
            "a batch window for its stream; fewer, larger files",
        ),
        (
            PUT_BYTES / CURATED_BYTES_A_LINE / FEAST * OPEN_DAYS,
            "the object of a day is larger than the 5 GiB that S3 takes in one put",
            "days of a table in parts, by store",
        ),
        (
            writers * GRAPH_LINES_A_SECOND / busiest / FEAST * OPEN_DAYS,
            f"the {writers} writers on the graph are busy all through the busiest hour",
            "`TicketsConcurrency`, and processors for the graph's host",
        ),
        (
            STREAM_SHARDS * DOCUMENTS_A_SECOND / changes_of_a_line / busiest / FEAST * OPEN_DAYS,
            "four invocations, one a shard, write documents all through the busiest hour",
            "nothing: the table's stream gets more shards with its writes",
        ),
        (
            COMPACTED_A_SECOND * 8 * 3600 / changes_of_a_line * OPEN_DAYS,
            "the compaction of a day's purchases takes eight hours",
            "Spark",
        ),
    ])  # fmt: skip
    cells = [(f"{_short(lines)}", what, then) for lines, what, then in rows]
    return _table(("order lines a year", "what breaks", "what then"), cells)


def _parameter(name: str) -> str:
    """A parameter of the template as it is by default."""
    loader = type("_Loader", (yaml.SafeLoader,), {})
    loader.add_multi_constructor("!", lambda *_: None)  # type: ignore[attr-defined]
    read = yaml.load(_TEMPLATE.read_text(encoding="utf-8"), loader)  # noqa: S506 - values after tags count for nothing
    return str(read["Parameters"][name]["Default"])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
