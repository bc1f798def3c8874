"""Any history of files, any order, repetition, crash and company: graph, ledger and counts are those of the oracle.

The oracle is the set formulation of docs/adr/0002 and knows no order of delivery. What does depend on the order is how
many rows of a ticket that ended up with another file were accepted before that file came, and how many superseded
after it; for those rows it gives bounds. Everything else has one right answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.object_version import ObjectVersion
from pipeline_assets.events.outcomes import Counts, TransientError
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.tickets import ingest
from pipeline_assets.tickets.ingest import TICKET_FLOW
from tests.flows.graph_picture import Picture, picture
from tests.flows.mortality import DeadError, Fate, ledger_table, mortal_stores

if TYPE_CHECKING:
    from tests.flows.conftest import RunningStack

ARRIVED = "2026-11-20"
MOST_ATTEMPTS = 50
DAYS = ("2026-11-14", "2026-11-15")
SETTINGS = settings(
    database=None,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Row(NamedTuple):
    """A row of a file; `bad` is empty, or the column that holds something unreadable."""

    ticket: str
    product: str
    quantity: int
    category: str
    store: str
    day: str
    bad: str

    @property
    def text(self) -> str:
        moment = "soon" if self.bad == "timestamp" else f"{self.day} 18:00:00"
        quantity = 0 if self.bad == "quantity" else self.quantity
        return f"{self.ticket},{self.product},B-{self.store},{moment},{self.category},{quantity},{self.store}"


class File(NamedTuple):
    """A version of a file; the later in the history, the greater its stamp."""

    key: str
    rows: tuple[Row, ...]
    header: bool

    @property
    def good(self) -> list[Row]:
        return [row for row in self.rows if self.header and not row.bad]

    @property
    def effective(self) -> bool:
        return self.header and bool(self.good or not self.rows)

    @property
    def text(self) -> str:
        return "\n".join([",".join(TICKETS.column_names) if self.header else "no,header", *(r.text for r in self.rows)])


class Delivery(NamedTuple):
    """An event of a file, by its place in the history; the process dies at its `dies`-th call, 0 never."""

    file: int
    redo: bool
    dies: int
    after: bool


@dataclass
class History:
    """What was uploaded, and how its events came."""

    files: list[File]
    deliveries: list[Delivery]

    def newer(self, number: int) -> bool:
        """Whether a newer version decides what the file of this version holds."""
        of = self.files[number]
        return any(file.key == of.key and file.effective for file in self.files[number + 1 :])

    def owners(self) -> dict[str, int]:
        """For every ticket the newest version that carries it."""
        return {row.ticket: number for number, file in enumerate(self.files) for row in file.good}


rows = st.builds(
    Row,
    ticket=st.sampled_from(["T1", "T2", "T3"]),
    product=st.sampled_from(["Bread", "Milk"]),
    quantity=st.integers(1, 2),
    category=st.sampled_from(["Bakery", "Dairy", ""]),
    store=st.sampled_from(["S1", "S2"]),
    day=st.sampled_from(DAYS),
    bad=st.sampled_from(["", "", "", "", "", "quantity", "timestamp"]),
)


@st.composite
def contents(draw: st.DrawFn) -> tuple[Row, ...]:
    """Rows of a file, some of them twice, and now and then all of them bad."""
    once = draw(st.lists(rows, max_size=4))
    again = draw(st.lists(st.sampled_from(once), max_size=3)) if once else []
    spoilt = draw(st.sampled_from(["", "", "", "", "quantity", "timestamp"]))
    return tuple(row._replace(bad=spoilt or row.bad) for row in [*once, *again])


files = st.builds(
    File,
    key=st.sampled_from(["a.csv", "a.csv", "b.csv"]),
    rows=contents(),
    header=st.sampled_from([True] * 7 + [False]),
)


@st.composite
def histories(draw: st.DrawFn) -> History:
    uploaded = draw(st.lists(files, min_size=2, max_size=5))
    again = draw(st.lists(st.integers(0, len(uploaded) - 1), max_size=3))
    order = draw(st.permutations([*range(len(uploaded)), *again]))
    deliveries = [
        Delivery(number, draw(st.sampled_from([False] * 4 + [True])), draw(st.integers(0, 16)), draw(st.booleans()))
        for number in order
    ]
    return History(uploaded, deliveries)


@pytest.fixture(scope="module", autouse=True)
def _two_rows_a_batch() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest, "BATCH_ROWS", 2)
        yield


GOOD = Row("T1", "Bread", 1, "Bakery", "S1", DAYS[0], "")
SPOILT = File("a.csv", (GOOD._replace(bad="quantity"),), header=True)
CORRECTED_BETWEEN = [SPOILT, File("a.csv", (GOOD,), header=True), SPOILT]


@settings(SETTINGS, max_examples=24)
@example(history=History(CORRECTED_BETWEEN, [Delivery(n, redo=False, dies=0, after=False) for n in (0, 1, 2)]))
@example(history=History(CORRECTED_BETWEEN, [Delivery(n, redo=False, dies=0, after=False) for n in (2, 1, 0)]))
@given(history=histories())
def test_one_worker(cloud: RunningStack, history: History) -> None:
    _check(cloud, history, workers=1)


@settings(SETTINGS, max_examples=8)
@given(history=histories(), workers=st.sampled_from([2, 3]))
def test_several_workers_at_once(cloud: RunningStack, history: History, workers: int) -> None:
    _check(cloud, history, workers)


def _check(cloud: RunningStack, history: History, workers: int) -> None:
    cloud.graph.execute_query("MATCH (n) WHERE NOT n:GraphLock DETACH DELETE n")
    versions = _uploaded(cloud, history.files)
    with ledger_table(cloud) as table:

        def work(deliveries: Sequence[Delivery]) -> None:
            for delivery in deliveries:
                _deliver(cloud, table, versions[delivery.file], delivery)

        with ThreadPoolExecutor(workers) as pool:
            for finished in [pool.submit(work, history.deliveries[n::workers]) for n in range(workers)]:
                finished.result(timeout=120)
        ledger = Ledger(cloud.access.dynamodb, table)
        receipts = [ledger.receipt(version.id) for version in versions]
        found = [receipt for receipt in receipts if receipt]
        assert len(found) == len(versions)
        _check_graph(cloud, history, versions, found)
        _check_counts(history, found)
        _check_ledger(ledger, history, found)
        _check_quarantine(cloud, history, found)


def _uploaded(cloud: RunningStack, uploaded: Sequence[File]) -> list[ObjectVersion]:
    """The files in a bucket that announces nothing by itself."""
    bucket, place = cloud.access.bucket("quarantine"), f"properties/{uuid4().hex}"
    versions = []
    for number, file in enumerate(uploaded):
        key, body = f"{place}/{file.key}", file.text.encode()
        version = cloud.access.s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"]
        moment = f"{ARRIVED}T10:00:{number:02d}.000Z"
        versions.append(ObjectVersion(bucket, key, version, "", len(body), moment, "1"))
    return versions


def _deliver(cloud: RunningStack, table: str, version: ObjectVersion, delivery: Delivery) -> None:
    """Work an event through; who was killed comes again, who met another worker comes again as the queue would."""
    fate, redo = Fate(delivery.dies, delivery.after), delivery.redo
    for _ in range(MOST_ATTEMPTS):
        try:
            TICKET_FLOW.ingest(version, mortal_stores(cloud, table, fate), redo=redo)
        except DeadError:
            fate = Fate()
        except TransientError:
            fate, redo = Fate(), False
        else:
            return
    pytest.fail(f"{version.uri} was delivered {MOST_ATTEMPTS} times and is not in")


def _check_graph(
    cloud: RunningStack, history: History, versions: Sequence[ObjectVersion], receipts: Sequence[Receipt]
) -> None:
    owners = history.owners()
    present = {ticket: number for ticket, number in owners.items() if not history.newer(number)}
    assert picture(cloud.graph) == _expected_picture(history, present)

    owned = {t: f"{versions[number].stamp}/{receipts[number].run:06d}" for t, number in owners.items()}
    kept = cloud.graph.execute_query("MATCH (t:Ticket) RETURN t.ticket_id AS id, t.owner AS owner").records
    assert sorted((r["id"], r["owner"]) for r in kept) == sorted((ticket, owned[ticket]) for ticket in present)
    gone = cloud.graph.execute_query("MATCH (t:RetiredTicket) RETURN t.ticket_id AS id, t.owner AS owner").records
    assert sorted((r["id"], r["owner"]) for r in gone) == sorted((t, owned[t]) for t in owners.keys() - present.keys())

    loads = cloud.graph.execute_query("MATCH (l:TicketLoad) RETURN l.id AS id, l.run AS run, l.state AS state").records
    readable = [receipt for file, receipt in zip(history.files, receipts, strict=True) if file.header]
    assert sorted((r["id"], r["run"], r["state"]) for r in loads) == sorted((r.id, r.run, "done") for r in readable)


def _expected_picture(history: History, present: dict[str, int]) -> Picture:
    lines: dict[tuple[str, str], list[Row]] = {}
    for ticket, number in present.items():
        for row in dict.fromkeys(history.files[number].good):
            if row.ticket == ticket:
                lines.setdefault((ticket, row.product), []).append(row)
    sold = [row for of_line in lines.values() for row in of_line]
    named = {line: [row.category for row in of_line if row.category] for line, of_line in lines.items()}
    pairs = {(product, names[-1]) for (_, product), names in named.items() if names}
    edges: dict[str, set[tuple[Any, ...]]] = {
        "Ticket": {(row.ticket,) for row in sold},
        "Basket": {(f"B-{row.store}",) for row in sold},
        "Product": {(row.product,) for row in sold},
        "Category": {(category,) for _, category in pairs},
        "Store": {(row.store,) for row in sold},
        "PART_OF": {(row.ticket, f"B-{row.store}", None) for row in sold},
        "SOLD_AT": {(row.ticket, row.store, None) for row in sold},
        "CONTAINS": {(*line, sum(row.quantity for row in of_line)) for line, of_line in lines.items()},
        "IN_CATEGORY": {(*pair, None) for pair in pairs},
    }
    return {kind: sorted(found) for kind, found in edges.items()}


def _check_counts(history: History, receipts: Sequence[Receipt]) -> None:
    owners = history.owners()
    for number, (file, receipt) in enumerate(zip(history.files, receipts, strict=True)):
        counts, good = receipt.counts, file.good
        assert counts.conserved
        assert (counts.received, counts.quarantined) == (len(file.rows), len(file.rows) - len(good))
        assert bool(receipt.refused) == (not file.effective)
        certain = [row for row in good if owners[row.ticket] == number and not history.newer(number)]
        assert counts.accepted >= len(set(certain))
        assert counts.duplicate >= len(certain) - len(set(certain))
        assert counts.superseded <= len(good) - len(certain)
        assert counts.duplicate <= len(good) - len(set(good))


def _check_ledger(ledger: Ledger, history: History, receipts: Sequence[Receipt]) -> None:
    totals = ledger.totals("tickets")
    assert totals.counts == sum((receipt.counts for receipt in receipts), Counts())
    assert (totals.objects, totals.refused) == (len(receipts), sum(bool(receipt.refused) for receipt in receipts))

    landed = ledger.account("tickets/landed", ARRIVED)
    assert landed.counts == totals.counts
    assert sorted(landed.receipt_ids) == sorted(receipt.id for receipt in receipts)

    newest = [r for number, r in enumerate(receipts) if history.files[number].effective and not history.newer(number)]
    for day in DAYS:
        parts = {r.id: p.counts for r in newest for p in r.partitions if (p.asset, p.partition) == ("tickets", day)}
        account = ledger.account("tickets", day)
        assert sorted(account.receipt_ids) == sorted(parts)
        assert account.counts == sum(parts.values(), Counts())

    pending = sorted((p.receipt.id, p.receipt.run) for p in ledger.pending("tickets", limit=100))
    told = {receipt_id: [run for _, run in reports] for receipt_id, reports in groupby(pending, lambda each: each[0])}
    assert {receipt_id: runs[-1] for receipt_id, runs in told.items()} == {r.id: r.run for r in receipts}
    assert len(set(pending)) == len(pending)
    redone = any(delivery.redo for delivery in history.deliveries)
    assert redone or pending == sorted((receipt.id, 1) for receipt in receipts)


def _check_quarantine(cloud: RunningStack, history: History, receipts: Sequence[Receipt]) -> None:
    quarantine = mortal_stores(cloud, "", Fate()).quarantine
    for file, receipt in zip(history.files, receipts, strict=True):
        kept = [document.get("row", 0) for document in quarantine.documents(receipt)]
        bad = [place for place, row in enumerate(file.rows, 1) if row.bad]
        assert sorted(kept) == bad if file.header else kept == [0]
