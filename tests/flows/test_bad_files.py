"""Every kind of bad input at once through the deployed function: the good is in the graph, the rest has a reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.graph import ownership
from pipeline_assets.operations.status import messages_in
from pipeline_assets.tickets import ingest
from pipeline_assets.tickets.ingest import TICKET_FLOW
from tests.worlds.graph_picture import picture
from tests.worlds.ticket_cloud import TicketCloud
from tests.worlds.ticket_file_cases import CASES
from tests.worlds.ticket_files import HEAD, Case, row

if TYPE_CHECKING:
    from tests.worlds.stack import RunningStack

GONE = "gone before it is read.csv"
#: Garbage, test and foreign messages; the last one announces that an object was removed.
FOREIGN = ["no JSON", "17", "{}", '{"Records": [{"eventSource": "aws:sns"}]}', '{"Records": [{"eventSource": "aws:s3"']
NOTHING_ANNOUNCED = [
    '{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}',
    '{"Records": [{"eventSource": "aws:s3", "eventName": "ObjectRemoved:Delete"}]}',
]


@pytest.fixture
def tickets(cloud: RunningStack) -> TicketCloud:
    cloud.graph.execute_query("MATCH (n) WHERE NOT n:GraphLock DETACH DELETE n")
    return TicketCloud(cloud)


def test_one_upload_of_everything_that_is_bad(tickets: TicketCloud, subtests: pytest.Subtests) -> None:
    for body in [*FOREIGN, *NOTHING_ANNOUNCED]:
        tickets.send(body)
    gone = tickets.notification(GONE, "no-such-version", moment="2026-11-20T10:00:00.000Z", sequencer="1")
    tickets.send(json.dumps({"Records": [gone]}))
    keys = [f"bad/{number}/{case.name}" for number, case in enumerate(CASES)]
    versions = [tickets.put(key, case.body(f"bad{n}")) for n, (key, case) in enumerate(zip(keys, CASES, strict=True))]
    receipts = _receipts(tickets, dict(zip([*keys, GONE], [*versions, "no-such-version"], strict=True)))

    assert receipts[GONE].refused.startswith(f"{GONE}: this version is no longer in the bucket; expected the object")
    lines = picture(tickets.cloud.graph)["CONTAINS"]
    for number, (key, case) in enumerate(zip(keys, CASES, strict=True)):
        with subtests.test(f"{case.item} {case.name}"):
            _check(tickets, receipts[key], key, case)
            of_case = [ticket for ticket, _, _ in lines if ticket.split("-")[0] == f"bad{number}"]
            assert len(of_case) == case.accepted

    tickets.wait(lambda: {kept["body"] for kept in tickets.quarantined("tickets/messages/")} >= set(FOREIGN))
    tickets.wait(lambda: messages_in(tickets.access, "tickets") == 0)
    assert messages_in(tickets.access, "tickets-dlq") == 0
    assert not {kept["body"] for kept in tickets.quarantined("tickets/messages/")} & set(NOTHING_ANNOUNCED)


def _receipts(tickets: TicketCloud, versions: dict[str, str]) -> dict[str, Receipt]:
    """The receipts by key, once all are there; more of them have to come all the time."""
    found: dict[str, Receipt] = {}

    def look() -> dict[str, Receipt] | None:
        reports = tickets.ledger.pending("tickets", limit=10_000)
        sources = ((report.receipt.version, report.receipt) for report in reports)
        now = {source.key: receipt for source, receipt in sources if versions.get(source.key) == source.version_id}
        return now if len(now) > len(found) else None

    while len(found) < len(versions):
        found = tickets.wait(look)
    return found


def _check(tickets: TicketCloud, receipt: Receipt, key: str, case: Case) -> None:
    bad = len(case.rejected) + case.lost
    whole = Counts(case.accepted + bad + case.duplicate, case.accepted, quarantined=bad, duplicate=case.duplicate)
    assert (receipt.refused, receipt.counts) == (case.refusal(key), whole)
    reasons = [bad.reason for bad in case.rejected] or [case.refusal(key)] * bool(case.refused)
    assert [kept["reason"] for kept in tickets.quarantined(f"tickets/{receipt.id}/")] == reasons


def test_a_placeholder_instead_of_the_ticket_s_number_does_not_grow_for_ever(
    tickets: TicketCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "BATCH_ROWS", 2)
    monkeypatch.setattr(ownership, "MOST_TICKET_ROWS", 3)
    tickets.bucket = tickets.access.bucket("quarantine")  # announces nothing by itself
    content = HEAD + "".join(row("?", product=f"P{n}") + row(f"T{n}") for n in range(6))
    version = tickets.put("crowded.csv", content)
    source = ObjectVersion(tickets.bucket, "crowded.csv", version, "", len(content), "2026-11-20T10:00:00.000Z", "1")
    with tickets.stores() as stores:
        receipt = TICKET_FLOW.ingest(source, stores)
    assert receipt.counts == Counts(received=12, accepted=9, quarantined=3)
    assert tickets.lines("?") == [("P0", 1), ("P1", 1), ("P2", 1)]
    kept = tickets.quarantined(f"tickets/{receipt.id}/")
    assert [(each["row"], each["rule"]) for each in kept] == [
        (7, "ticket_size"),
        (9, "ticket_size"),
        (11, "ticket_size"),
    ]
