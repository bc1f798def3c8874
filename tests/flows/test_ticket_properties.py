"""Any history of files, any order, repetition, crash and company: graph, ledger and counts are those of the oracle.

The oracle is the set formulation of docs/adr/0015 and knows no order of delivery. Repeated rows of a version that a
newer one has replaced count as duplicates or as superseded, as it came first or late; everything else has one right
answer.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.errors import TransientError
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.graph.ownership import Line, TicketKey, ticket_of
from pipeline_assets.tickets import ingest
from pipeline_assets.tickets.ingest import TICKET_FLOW
from tests.worlds.examples import examples
from tests.worlds.graph_picture import contents, expected_picture, picture
from tests.worlds.ledger_accounts import source_ids
from tests.worlds.mortality import DeadError, Fate, mortal_stores
from tests.worlds.stores import ledger_table

if TYPE_CHECKING:
    from tests.worlds.stack import RunningStack

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
    basket: str
    day: str
    bad: str

    @property
    def text(self) -> str:
        moment = "soon" if self.bad == "timestamp" else f"{self.day} 18:00:00"
        quantity = 0 if self.bad == "quantity" else self.quantity
        return f"{self.ticket},{self.product},{self.basket},{moment},{self.category},{quantity},{self.store}"

    @property
    def line(self) -> Line:
        """The line it comes to; its text in place of a fingerprint's digits."""
        moment = f"{self.day}T18:00:00.000Z"
        print_ = int.from_bytes(self.text.encode(), "big")
        return Line(
            self.ticket, self.product, self.basket, moment, self.category, self.quantity, self.store, self.day, print_
        )


class File(NamedTuple):
    """A version of a file; the later in the history, the greater its stamp.

    `cut` says that it was cut off behind its last row, `emptied` that it carries the sign that it may be empty.
    """

    key: str
    rows: tuple[Row, ...]
    header: bool
    cut: bool = False
    emptied: bool = False

    @property
    def good(self) -> list[Row]:
        return [row for row in self.rows if self.header and not row.bad]

    @property
    def received(self) -> int:
        """The records: the break of a file that was cut off is one."""
        return len(self.rows) + (self.cut and self.header)

    @property
    def rank(self) -> int:
        if self.header and (self.good or (self.emptied and not self.rows and not self.cut)):
            return 1 if self.cut else 2
        return 0

    @property
    def body(self) -> bytes:
        header = ",".join(TICKETS.column_names) if self.header else "no,header"
        text = "".join(f"{line}\n" for line in [header, *(row.text for row in self.rows)]).encode()
        return gzip.compress(text)[:-8] if self.cut else text


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

    def standing(self, key: str) -> int | None:
        """The version that stands for a key: the newest whole one, else the longest part of one."""
        ranks = [
            (file.rank, file.received if file.rank == 1 else 0, number)
            for number, file in enumerate(self.files)
            if file.key == key and file.rank
        ]
        return max(ranks)[-1] if ranks else None

    @property
    def stand(self) -> list[int]:
        """The versions that stand, oldest first."""
        found = {self.standing(file.key) for file in self.files}
        return sorted(number for number in found if number is not None)

    def yields(self, number: int) -> bool:
        """Whether a version that could be read gives way to an older one."""
        file, best = self.files[number], self.standing(self.files[number].key)
        undecided = file.rank == 1 or (file.header and not file.received and not file.emptied)
        return undecided and best is not None and best < number

    def refused(self, number: int) -> bool:
        file = self.files[number]
        return not file.header or bool(file.received and not file.good) or self.yields(number)


rows = st.builds(
    Row,
    ticket=st.sampled_from(["T1", "T2", "T3"]),
    product=st.sampled_from(["Bread", "Milk"]),
    quantity=st.integers(1, 2),
    category=st.sampled_from(["Bakery", "Dairy", ""]),
    store=st.sampled_from(["S1", "S1", "S2"]),
    basket=st.sampled_from(["B1", "B1", "B2"]),
    day=st.sampled_from([DAYS[0], *DAYS]),
    bad=st.sampled_from(["", "", "", "", "", "quantity", "timestamp"]),
)


@st.composite
def file_rows(draw: st.DrawFn) -> tuple[Row, ...]:
    """Rows of a file, some of them twice, and now and then all of them bad."""
    once = draw(st.lists(rows, max_size=4))
    again = draw(st.lists(st.sampled_from(once), max_size=3)) if once else []
    spoilt = draw(st.sampled_from(["", "", "", "", "quantity", "timestamp"]))
    return tuple(row._replace(bad=spoilt or row.bad) for row in [*once, *again])


files = st.builds(
    File,
    key=st.sampled_from(["a.csv", "a.csv", "b.csv"]),
    rows=file_rows(),
    header=st.sampled_from([True] * 7 + [False]),
    cut=st.sampled_from([False] * 4 + [True]),
    emptied=st.booleans(),
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


GOOD = Row("T1", "Bread", 1, "Bakery", "S1", "B1", DAYS[0], "")
SPOILT = File("a.csv", (GOOD._replace(bad="quantity"),), header=True)
CORRECTED_BETWEEN = [SPOILT, File("a.csv", (GOOD,), header=True), SPOILT]
CUT_LATER = [
    File("a.csv", (GOOD, GOOD._replace(ticket="T2")), header=True),
    File("a.csv", (GOOD,), header=True, cut=True),
]


def in_order(*numbers: int) -> list[Delivery]:
    return [Delivery(number, redo=False, dies=0, after=False) for number in numbers]


@settings(SETTINGS, max_examples=examples(24))
@example(history=History(CORRECTED_BETWEEN, in_order(0, 1, 2)))
@example(history=History(CORRECTED_BETWEEN, in_order(2, 1, 0)))
@example(history=History(CUT_LATER, in_order(0, 1)))
@example(history=History(CUT_LATER, in_order(1, 0)))
@given(history=histories())
def test_one_worker(cloud: RunningStack, history: History) -> None:
    _check(cloud, history, workers=1)


@settings(SETTINGS, max_examples=examples(8))
@given(history=histories(), workers=st.sampled_from([2, 3]))
def test_several_workers_at_once(cloud: RunningStack, history: History, workers: int) -> None:
    _check(cloud, history, workers)


def _check(cloud: RunningStack, history: History, workers: int) -> None:
    cloud.graph.execute_query("MATCH (n) WHERE NOT n:GraphLock DETACH DELETE n")
    versions = _uploaded(cloud, history.files)
    with ledger_table(cloud.access.dynamodb) as table:

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
        key, body = f"{place}/{file.key}", file.body
        sign = {"cesta-empty": "yes"} if file.emptied else {}
        version = cloud.access.s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata=sign)["VersionId"]
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
    expected = contents(*(_lines(history.files[number]) for number in history.stand))
    assert picture(cloud.graph, keyed=True) == expected_picture(expected, keyed=True)

    claims = sorted(
        {
            (TicketKey(*ticket_of(line)).text, f"{versions[number].stamp}/{receipts[number].run:06d}")
            for number in history.stand
            for line in _lines(history.files[number])
        }
    )
    alone = cloud.graph.execute_query("MATCH (t:Ticket) WHERE t.owner IS NOT NULL RETURN t.key, t.owner").records
    shared = cloud.graph.execute_query("MATCH (c:TicketClaim) RETURN c.ticket, c.owner").records
    assert sorted(tuple(record.values()) for record in [*alone, *shared]) == claims

    hashes = cloud.graph.execute_query("MATCH (:Ticket)-[c:CONTAINS]->() RETURN c.row_hashes AS hashes").records
    assert sum(len(record["hashes"]) for record in hashes) == sum(receipt.counts.accepted for receipt in receipts)

    loads = cloud.graph.execute_query("MATCH (l:TicketLoad) RETURN l.id AS id, l.run AS run, l.state AS state").records
    readable = [receipt for file, receipt in zip(history.files, receipts, strict=True) if file.header]
    assert sorted((r["id"], r["run"], r["state"]) for r in loads) == sorted((r.id, r.run, "done") for r in readable)


def _lines(file: File) -> list[Line]:
    return [row.line for row in file.good]


def _standing_rows(history: History) -> dict[int, int]:
    """How many rows of each version stand, repeated ones counted once."""
    stamped = [f"{place:06d}" for place, _ in enumerate(history.stand)]
    number_of = dict(zip(stamped, history.stand, strict=True))
    rows: dict[int, int] = dict.fromkeys(range(len(history.files)), 0)
    for said in contents(*(_lines(history.files[number]) for number in history.stand)).values():
        for stamp, line in said.lines.values():
            rows[number_of[stamp]] += len(line.fingerprints)
    return rows


def _check_counts(history: History, receipts: Sequence[Receipt]) -> None:
    standing = _standing_rows(history)
    for number, (file, receipt) in enumerate(zip(history.files, receipts, strict=True)):
        counts, good = receipt.counts, file.good
        assert counts.conserved
        assert bool(receipt.refused) == history.refused(number)
        if not file.header:
            assert counts.quarantined == counts.received
            continue
        assert counts.received == file.received
        assert counts.accepted == standing[number]
        assert counts.quarantined == (file.received if history.yields(number) else file.received - len(good))
        if number in history.stand:
            assert counts.duplicate == len(good) - len(set(good))
        assert counts.duplicate <= len(good) - len(set(good))


def _check_ledger(ledger: Ledger, history: History, receipts: Sequence[Receipt]) -> None:
    totals = ledger.totals("tickets")
    assert totals.counts == sum((receipt.counts for receipt in receipts), Counts())
    assert (totals.objects, totals.refused) == (len(receipts), sum(bool(receipt.refused) for receipt in receipts))

    landed = ledger.account("tickets/landed", ARRIVED)
    assert landed.counts == totals.counts
    assert sorted(source_ids(ledger, "tickets/landed", ARRIVED)) == sorted(receipt.id for receipt in receipts)

    for day in DAYS:
        parts = {
            receipts[number].id: part.counts
            for number in history.stand
            for part in receipts[number].partitions
            if (part.asset, part.partition) == ("tickets", day)
        }
        account = ledger.account("tickets", day)
        assert sorted(source_ids(ledger, "tickets", day)) == sorted(parts)
        assert account.counts == sum(parts.values(), Counts())

    pending = sorted((p.receipt.id, p.receipt.edition) for p in ledger.pending("tickets", limit=200))
    told = {receipt_id: [edition for _, edition in many] for receipt_id, many in groupby(pending, lambda one: one[0])}
    assert {receipt_id: editions[-1] for receipt_id, editions in told.items()} == {r.id: r.edition for r in receipts}
    assert len(set(pending)) == len(pending)
    redone = any(delivery.redo for delivery in history.deliveries)
    assert redone or {edition[0] for _, edition in pending} <= {1}


def _check_quarantine(cloud: RunningStack, history: History, receipts: Sequence[Receipt]) -> None:
    quarantine = mortal_stores(cloud, "", Fate()).quarantine
    for number, (file, receipt) in enumerate(zip(history.files, receipts, strict=True)):
        kept = sorted(document.get("row", 0) for document in quarantine.documents(receipt))
        bad = [place for place, row in enumerate(file.rows, 1) if row.bad] + [file.received] * file.cut
        if file.header:
            # What is told of a file that yields may stay where a newer version has come since.
            assert [row for row in kept if row] == bad
            assert kept.count(0) in ({1} if history.yields(number) else {0, 1})
        else:
            assert kept == [0]
