"""The purchase graph on a real Bolt server: order, repetition, crashes and races of writers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from neo4j.exceptions import ConstraintError

from pipeline_assets.errors import TransientError
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.graph.ingestion import Batch, BehindError, Ingestion
from pipeline_assets.graph.ownership import Content, Line, TicketKey
from pipeline_assets.graph.store import PurchaseGraph
from tests.worlds.examples import seeds
from tests.worlds.graph_picture import contents, expected_picture, picture

if TYPE_CHECKING:
    from tests.worlds.stack import RunningStack

pytestmark = pytest.mark.every_engine


@pytest.fixture
def graph(cloud: RunningStack) -> Iterator[PurchaseGraph]:
    cloud.graph.execute_query("MATCH (n) DETACH DELETE n")
    yield PurchaseGraph(cloud.graph)
    cloud.graph.execute_query("MATCH (n) DETACH DELETE n")


def version(key: str, second: int) -> ObjectVersion:
    moment = f"2026-11-20T10:00:{second:02d}.000Z"
    return ObjectVersion("b", key, f"{key}-{second}", "e", 1, moment, f"{second:X}")


def line(
    ticket: str,
    product: str = "Bread",
    quantity: int = 1,
    fingerprint: int = 1,
    category: str = "Bakery",
    store: str = "S1",
) -> Line:
    time = f"2026-11-19T18:00:0{fingerprint % 10}.000Z"
    return Line(ticket, product, f"B-{ticket}", time, category, quantity, store, "2026-11-19", fingerprint)


def batch(lines: Sequence[Line], first_row: int = 1) -> Batch:
    return Batch(lines, first_row + len(lines), {}, 0, 0)


def begun(graph: PurchaseGraph, of: ObjectVersion, *, redo: bool) -> Ingestion:
    known = graph.ingestion(of)
    return Ingestion(of, run=known.run + 1) if known and redo else known or Ingestion(of)


def put(graph: PurchaseGraph, of: ObjectVersion, *batches: Sequence[Line], redo: bool = False) -> Ingestion:
    load = begun(graph, of, redo=redo)
    for lines in batches:
        load = graph.write(load, batch(lines, load.next_row))
    return end(graph, load)


def end(graph: PurchaseGraph, load: Ingestion) -> Ingestion:
    while not load.done:
        load = graph.finish(load)
    return load


def test_a_file_becomes_nodes_and_relationships(graph: PurchaseGraph) -> None:
    lines = [line("T1"), line("T1", "Milk", category=""), line("T2", quantity=3, store="S2")]
    load = put(graph, version("a.csv", 1), lines)
    assert picture(graph.driver) == expected_picture(contents(lines))
    assert load.counts == Counts(received=3, accepted=3)
    assert graph.sizes() == {
        "Ticket": 2,
        "Basket": 2,
        "Product": 2,
        "Category": 1,
        "Store": 2,
        "PART_OF": 2,
        "CONTAINS": 3,
        "IN_CATEGORY": 1,
        "SOLD_AT": 2,
    }


def test_keys_are_unique_and_a_second_node_is_refused(graph: PurchaseGraph) -> None:
    put(graph, version("a.csv", 1), [line("T1")])
    with pytest.raises(ConstraintError):
        graph.driver.execute_query("CREATE (:Product {name: 'Bread'})")
    assert set(graph.duplicate_keys().values()) == {0}


def test_a_ticket_without_a_line_is_found_incomplete(graph: PurchaseGraph) -> None:
    put(graph, version("a.csv", 1), [line("T1")])
    assert graph.incomplete_tickets() == 0
    graph.driver.execute_query("CREATE (:Ticket {key: 'alone'})")
    assert graph.incomplete_tickets() == 1


def test_a_row_repeated_in_a_later_batch_is_a_duplicate(graph: PurchaseGraph) -> None:
    load = put(
        graph, version("a.csv", 1), [line("T1", quantity=2)], [line("T1", quantity=2), line("T1", fingerprint=9)]
    )
    assert load.counts == Counts(received=3, accepted=2, duplicate=1)
    assert picture(graph.driver)["CONTAINS"] == [("T1", "Bread", 3)]


def test_a_corrected_file_takes_back_what_it_no_longer_says(graph: PurchaseGraph) -> None:
    put(graph, version("a.csv", 1), [line("T1"), line("T1", "Milk", category="Dairy"), line("T2", store="S9")])
    load = put(graph, version("a.csv", 2), [line("T1", quantity=5)])
    assert picture(graph.driver) == expected_picture(contents([line("T1", quantity=5)]))
    assert load.effects["tickets_retired"] == 1


def test_a_product_keeps_the_categories_that_some_line_supports(graph: PurchaseGraph) -> None:
    put(graph, version("a.csv", 1), [line("T1", category="Bakery")])
    put(graph, version("b.csv", 2), [line("T2", category="Snacks")])
    assert len(picture(graph.driver)["IN_CATEGORY"]) == 2
    put(graph, version("b.csv", 3), [line("T2", category="Bakery")])
    assert picture(graph.driver)["IN_CATEGORY"] == [("Bread", "Bakery", None)]
    assert picture(graph.driver)["Category"] == [("Bakery",)]


def test_an_older_version_arriving_late_brings_nothing_back(graph: PurchaseGraph) -> None:
    put(graph, version("a.csv", 2), [line("T1", quantity=5)])
    late = put(graph, version("a.csv", 1), [line("T1"), line("T2")])
    assert picture(graph.driver) == expected_picture(contents([line("T1", quantity=5)]))
    assert late.counts == Counts(received=2, superseded=2)


def test_a_version_without_one_good_row_replaces_nothing(graph: PurchaseGraph) -> None:
    put(graph, version("a.csv", 1), [line("T1")])
    load = begun(graph, version("a.csv", 2), redo=False)
    load = graph.finish(graph.write(load, Batch([], 3, {}, unread_time=2, unusual=0)))
    assert load.counts == Counts(received=2, quarantined=2)
    assert picture(graph.driver)["Ticket"] == [("T1",)]


@pytest.mark.parametrize("meant", [True, False])
def test_a_file_without_rows_takes_everything_back_only_where_that_is_meant(
    graph: PurchaseGraph, *, meant: bool
) -> None:
    put(graph, version("a.csv", 1), [line("T1")])
    before = picture(graph.driver)
    end(graph, replace(begun(graph, version("a.csv", 2), redo=False), emptied=meant))
    assert picture(graph.driver) == ({kind: [] for kind in before} if meant else before)


def test_a_file_that_was_cut_off_takes_nothing_back_and_stands_only_where_no_whole_one_does(
    graph: PurchaseGraph,
) -> None:
    whole, part = [line("T1"), line("T2")], [line("T1", quantity=7)]
    load = graph.write(begun(graph, version("a.csv", 2), redo=False), batch(part))
    alone = end(graph, replace(load, cut="cut"))
    assert picture(graph.driver) == expected_picture(contents(part))
    assert (alone.stands, alone.counts) == (True, Counts(received=1, accepted=1))
    put(graph, version("a.csv", 1), whole)
    assert picture(graph.driver) == expected_picture(contents(whole))
    known = graph.known(version("a.csv", 2).id)
    assert known
    assert (known.ingestion.stands, known.ingestion.counts) == (False, Counts(received=1, quarantined=1))
    again = graph.write(begun(graph, version("a.csv", 3), redo=False), batch(part))
    assert end(graph, replace(again, cut="cut")).yields
    assert picture(graph.driver) == expected_picture(contents(whole))


def test_a_ticket_in_several_files_is_whole_and_each_takes_back_only_its_own(graph: PurchaseGraph) -> None:
    first, second = version("a.csv", 1), version("b.csv", 2)
    milk, rice, more_milk = line("T1", "Milk", 2), line("T1", "Rice"), line("T1", "Milk", 9, fingerprint=2)
    put(graph, first, [milk])
    later = put(graph, second, [rice, more_milk])
    assert picture(graph.driver) == expected_picture(contents([milk], [rice, more_milk]))
    assert later.touched == {first.id}
    displaced = graph.known(first.id)
    assert displaced
    assert (displaced.ingestion.counts, displaced.ingestion.revision) == (Counts(received=1, superseded=1), 1)
    put(graph, version("b.csv", 3), [rice])
    assert picture(graph.driver) == expected_picture(contents([milk, rice]))
    restored = graph.known(first.id)
    assert restored
    assert restored.ingestion.counts == Counts(received=1, accepted=1)
    put(graph, version("a.csv", 4), [line("T9")])
    assert picture(graph.driver) == expected_picture(contents([rice, line("T9")]))
    assert graph.driver.execute_query("MATCH (c:TicketClaim) RETURN count(c) AS n").records[0]["n"] == 0


def test_a_redo_leaves_the_same_graph_and_the_same_counts(graph: PurchaseGraph) -> None:
    lines = [line("T1"), line("T1"), line("T2", fingerprint=3)]
    first = put(graph, version("a.csv", 1), lines)
    before = picture(graph.driver)
    again = put(graph, version("a.csv", 1), lines[:2], lines[2:], redo=True)
    assert picture(graph.driver) == before
    assert (again.run, again.counts) == (2, first.counts)
    assert again.effects["lines_written"] == 0


def test_a_redo_that_accepts_less_takes_the_rest_back(graph: PurchaseGraph) -> None:
    put(graph, version("a.csv", 1), [line("T1"), line("T2")])
    put(graph, version("a.csv", 1), [line("T1")], redo=True)
    assert picture(graph.driver) == expected_picture(contents([line("T1")]))


def test_a_worker_that_fell_behind_changes_nothing(graph: PurchaseGraph) -> None:
    slow = begun(graph, version("a.csv", 1), redo=False)
    graph.write(slow, batch([line("T1")]))
    with pytest.raises(BehindError) as behind:
        graph.write(slow, batch([line("T9")]))
    assert behind.value.ingestion
    assert behind.value.ingestion.next_row == 2
    put(graph, version("a.csv", 1), [line("T1")], redo=True)
    with pytest.raises(BehindError):
        graph.finish(slow)
    assert picture(graph.driver)["Ticket"] == [("T1",)]


def test_work_goes_on_at_the_first_row_that_is_not_in(graph: PurchaseGraph) -> None:
    load = begun(graph, version("a.csv", 1), redo=False)
    graph.write(load, batch([line("T1"), line("T2")]))
    resumed = begun(graph, version("a.csv", 1), redo=False)
    assert (resumed.run, resumed.next_row, resumed.done) == (1, 3, False)
    done = graph.finish(graph.write(resumed, batch([line("T3")], 3)))
    assert done.counts == Counts(received=3, accepted=3)
    assert begun(graph, version("a.csv", 1), redo=False) == done


def test_a_graph_that_is_not_there_is_a_transient_error() -> None:
    with PurchaseGraph.connect("bolt://127.0.0.1:9", "neo4j", "x") as absent, pytest.raises(TransientError) as error:
        absent.ingestion(version("a.csv", 1))
    assert error.value.object_uri == "s3://b/a.csv"


def oracle(versions: dict[ObjectVersion, list[Line]]) -> dict[TicketKey, Content]:
    """The rows of the newest version of each object, line by line of the newest object that has it."""
    newest = {of.key: of for of in sorted(versions, key=lambda of: of.stamp)}
    return contents(*(versions[of] for of in sorted(newest.values(), key=lambda of: of.stamp)))


def random_history(dice: random.Random) -> dict[ObjectVersion, list[Line]]:
    return {
        version(dice.choice(["a.csv", "b.csv"]), second): [
            line(
                dice.choice(["T1", "T2", "T3"]),
                dice.choice(["Bread", "Milk"]),
                dice.randint(1, 3),
                dice.randint(1, 5),
                dice.choice(["Bakery", "Dairy", ""]),
                dice.choice(["S1", "S2"]),
            )
            for _ in range(dice.randint(1, 6))
        ]
        for second in dice.sample(range(60), dice.randint(2, 5))
    }


@pytest.mark.parametrize("seed", seeds(12))
def test_any_order_and_repetition_gives_the_graph_of_the_oracle(graph: PurchaseGraph, seed: int) -> None:
    dice = random.Random(seed)
    history = random_history(dice)
    deliveries = [*history, *dice.choices(list(history), k=3)]
    dice.shuffle(deliveries)
    for of in deliveries:
        lines = history[of]
        load = begun(graph, of, redo=dice.random() < 0.2)
        while not load.done:
            rest = lines[load.next_row - 1 :]
            load = graph.write(load, batch(rest[:2], load.next_row)) if rest else graph.finish(load)
        assert load.counts.conserved
        assert load.counts.received == len(lines)
    assert picture(graph.driver, keyed=True) == expected_picture(oracle(history), keyed=True)


def test_two_workers_on_the_same_objects_lose_and_double_nothing(graph: PurchaseGraph) -> None:
    dice = random.Random(7)
    history = random_history(dice) | {version("c.csv", 59): [line(f"T{n}", "Milk") for n in range(9)]}
    graph.ensure_schema()

    def work(seed: int) -> None:
        order = list(history)
        random.Random(seed).shuffle(order)
        for of in order:
            while True:
                try:
                    load = begun(graph, of, redo=False)
                    while not load.done:
                        rest = history[of][load.next_row - 1 :]
                        load = graph.write(load, batch(rest[:2], load.next_row)) if rest else graph.finish(load)
                    break
                except BehindError:
                    continue

    with ThreadPoolExecutor(3) as workers:
        for finished in [workers.submit(work, seed) for seed in range(3)]:
            finished.result(timeout=60)
    assert picture(graph.driver, keyed=True) == expected_picture(oracle(history), keyed=True)
