"""What an operator does: look into the quarantine, mend and replay, bring dead letters back, ask where a ticket is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from deploy.local.outputs import environment_contract
from pipeline_assets.errors import TransientError
from pipeline_assets.events.dead_letters import DeadLetters
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.operations.rejected import RejectedFile, rejected_files
from pipeline_assets.operations.replay import replay_files, replay_message
from pipeline_assets.storage.s3 import S3Bucket
from pipeline_assets.tickets import rows
from pipeline_assets.tickets.ingest import TICKET_FLOW
from pipeline_assets.tickets.trace import FileTrace, TicketTrace, trace_file, trace_ticket
from tests.worlds.graph_picture import picture
from tests.worlds.ticket_cloud import HEADER, TicketCloud, row

if TYPE_CHECKING:
    from tests.worlds.stack import RunningStack

#: The graph has no part in it.
EMBEDDED = pytest.mark.any_engine


class Desk(TicketCloud):
    """The ticket flow as an operator sees it; every test has a folder of its own in the bucket."""

    def __init__(self, cloud: RunningStack) -> None:
        super().__init__(cloud)
        self.folder = uuid4().hex[:8]
        self.letters = DeadLetters(cloud.access.sqs, cloud.access.queue("tickets"))

    def key(self, name: str) -> str:
        return f"{self.folder}/{name}.csv"

    def file(self, name: str, *lines: str, header: str = HEADER) -> Receipt:
        """Put a file and wait for its receipt."""
        return self.receipt(self.key(name), self.put(self.key(name), header + "".join(lines)))

    def rejected(self) -> list[RejectedFile]:
        """The files of this test that are in the quarantine, newest first."""
        with self.stores() as stores:
            files = list(rejected_files(stores, stores.quarantine.contents()))
        return [file for file in files if file.receipt.version.key.startswith(self.folder)]

    def open(self) -> list[str]:
        return [file.receipt.version.key for file in self.rejected() if file.standing == "open"]

    def quarantine(self) -> JsonLinesQuarantine:
        return JsonLinesQuarantine(self.access.open_bucket("quarantine"), "tickets")

    def runs(self, receipt: Receipt) -> set[str]:
        listed = self.access.s3.list_objects_v2(
            Bucket=self.access.bucket("quarantine"), Prefix=f"tickets/{receipt.id}/"
        )
        return {item["Key"].split("/")[2] for item in listed.get("Contents", [])}

    def trace(self, name: str) -> FileTrace:
        with self.stores() as stores:
            return trace_file(self.bucket, self.key(name), stores, self.letters)

    def ticket(self, ticket: str) -> TicketTrace:
        with self.stores() as stores:
            return trace_ticket(ticket, stores, self.letters)

    def cesta(self, *arguments: str, env: bool = False) -> tuple[int, str, str]:
        """Run the command on this instance: exit code, standard output, standard error."""
        where = ["--from-env"] if env else ["--state", str(self.cloud.instance.state)]
        with patch.dict(os.environ):
            if env:
                os.environ.update(environment_contract(self.cloud.instance, self.cloud.outputs))
            done = CliRunner().invoke(app, [*arguments, *where])
        return done.exit_code, done.stdout, done.stderr

    def cesta_json(self, *arguments: str, env: bool = False) -> Any:
        code, said, complained = self.cesta(*arguments, "--json", env=env)
        assert code == 0, complained
        return json.loads(said)


@pytest.fixture
def desk(cloud: RunningStack) -> Iterator[Desk]:
    cloud.graph.execute_query("MATCH (n) DETACH DELETE n")
    yield (made := Desk(cloud))
    list(made.letters.redrive())


def test_a_rejected_row_is_replayed_once_the_rule_is_mended(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The drill: what comes of it equals what would have come of it with the mended rule from the beginning."""
    sale = [row("D1"), row("D1", "Milk", 2), row("D2", "Bread", 0), row("D3", timestamp="soon")]
    before = desk.ledger.totals("tickets").counts
    receipt = desk.file("drill", *sale)
    assert receipt.counts == Counts(received=4, accepted=2, quarantined=2)
    (rejected,) = desk.rejected()
    assert (rejected.standing, rejected.rules) == ("open", {"quantity_positive": 1, "timestamp_readable": 1})
    monkeypatch.setattr(rows, "SMALLEST_QUANTITY", Decimal(0))
    with desk.stores() as stores:
        (replayed,) = replay_files([rejected], TICKET_FLOW, stores)
    assert replayed.after
    assert replayed.after.counts == Counts(received=4, accepted=3, quarantined=1)
    assert desk.ledger.totals("tickets").counts == before + replayed.after.counts
    assert picture(desk.cloud.graph)["CONTAINS"] == [("D1", "Bread", 1), ("D1", "Milk", 2), ("D2", "Bread", 0)]
    assert desk.runs(receipt) == {"0002"}
    assert desk.rejected()[0].rules == {"timestamp_readable": 1}
    assert desk.ledger.is_pending(replayed.after)


def test_a_replay_that_dies_before_it_has_tidied_up_leaves_a_right_state(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = desk.file("dies", row("D1"), row("D2", "Bread", 0))
    monkeypatch.setattr(rows, "SMALLEST_QUANTITY", Decimal(0))
    with desk.stores() as stores, monkeypatch.context() as patched:
        patched.setattr(S3Bucket, "delete_all", _dead)
        with pytest.raises(TransientError, match="died"):
            TICKET_FLOW.ingest(receipt.version, stores, redo=True)
    assert desk.runs(receipt) == {"0001"}
    assert [file.standing for file in desk.rejected()] == ["mended"]
    with desk.stores() as stores:
        TICKET_FLOW.ingest(receipt.version, stores, redo=True)
    assert desk.runs(receipt) == set()


def _dead(*_: object) -> None:
    raise TransientError("died")


def test_what_a_newer_version_has_settled_is_not_open(desk: Desk) -> None:
    first = desk.file("day", row("D1"), row("D2", "Bread", 0))
    assert desk.open() == [desk.key("day")]
    refused = desk.file("day", header="no,header\n")
    assert [file.receipt.id for file in desk.rejected() if file.standing == "open"] == [refused.id, first.id]
    desk.file("day", header="no,header,again\n")
    assert len(desk.open()) == 2
    desk.file("day", row("D1"))
    assert desk.open() == []
    assert [file.standing for file in desk.rejected()] == ["replaced"] * 3


def test_a_replay_goes_on_after_a_file_that_fails(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    gone, kept = (
        desk.file("gone", row("D1"), row("D2", "Bread", 0)),
        desk.file("kept", row("D3"), row("D4", "Bread", 0)),
    )
    desk.access.s3.delete_object(Bucket=desk.bucket, Key=gone.version.key, VersionId=gone.version.version_id)
    monkeypatch.setattr(rows, "SMALLEST_QUANTITY", Decimal(0))
    with desk.stores() as stores:
        first, second = replay_files(desk.rejected(), TICKET_FLOW, stores)
    assert "no longer in the bucket" in first.failure
    assert second.before == kept
    assert second.after
    assert second.after.counts == Counts(received=2, accepted=2)
    assert desk.open() == [gone.version.key]


@EMBEDDED
def test_the_quarantine_is_read_beyond_one_page(desk: Desk) -> None:
    bucket, ids = desk.access.bucket("quarantine"), [f"{number:032x}" for number in range(1_050)]
    for each in ids:
        desk.access.s3.put_object(Bucket=bucket, Key=f"tickets/{each}/0001/file.jsonl", Body=b"{}\n")
    try:
        assert desk.quarantine().contents().receipts.keys() >= set(ids)
        assert desk.rejected() == []
    finally:
        for first in range(0, len(ids), 1_000):
            keys = [{"Key": f"tickets/{each}/0001/file.jsonl"} for each in ids[first : first + 1_000]]
            desk.access.s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})  # type: ignore[typeddict-item]


@EMBEDDED
def test_a_foreign_message_goes_back_into_the_queue(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    before = desk.quarantine().contents().messages.keys()
    desk.send(f"not for us: {desk.folder}")
    (first,) = desk.wait(lambda: desk.quarantine().contents().messages.keys() - before)
    queue = EventQueue(desk.access.sqs, desk.access.queue("tickets"))
    with desk.stores() as stores:
        with monkeypatch.context() as patched:
            patched.setattr(S3Bucket, "delete_all", _dead)
            with pytest.raises(TransientError, match="died"):
                replay_message(first, stores, queue)
        assert replay_message(first, stores, queue)
        assert not replay_message(first, stores, queue)
    again = desk.wait(lambda: len(found := desk.quarantine().contents().messages.keys() - before) == 2 and found)
    assert first not in again
    assert {desk.quarantine().messages.read(each)["body"] for each in again} == {f"not for us: {desk.folder}"}  # type: ignore[index]


def test_a_dead_letter_comes_back_and_its_file_into_the_graph(desk: Desk) -> None:
    # In a bucket that announces nothing by itself: the event is only in the dead letters.
    desk.bucket = desk.access.bucket("quarantine")
    version = desk.put(desk.key("lost"), HEADER + row("D1"))
    record = desk.notification(desk.key("lost"), version, moment="2026-11-20T10:00:00.000Z", sequencer="1")
    desk.access.sqs.send_message(
        QueueUrl=desk.access.queue("tickets-dlq"), MessageBody=json.dumps({"Records": [record]})
    )
    assert desk.letters.dead_url == desk.access.queue("tickets-dlq")
    assert "was dead-lettered" in desk.trace("lost").verdict
    shown = desk.cesta_json("redrive", "--dry-run")
    assert (shown["moved"], shown["left"]) == (0, 1)
    assert shown["letters"][0]["announces"] == [f"s3://{desk.bucket}/{desk.key('lost')} {version}"]
    assert shown["letters"][0]["receives"] == 2
    moved = desk.cesta_json("redrive")
    assert (moved["moved"], moved["left"]) == (1, 0)
    assert desk.receipt(desk.key("lost"), version).counts == Counts(received=1, accepted=1)
    assert desk.lines("D1") == [("Bread", 1)]


@EMBEDDED
def test_dead_letters_by_the_dozen_all_come_back(desk: Desk) -> None:
    for number in range(23):
        body = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Number": number})
        desk.access.sqs.send_message(QueueUrl=desk.access.queue("tickets-dlq"), MessageBody=body)
    assert len(desk.letters.look(limit=15)) == 15
    assert len(desk.letters.look(limit=100)) == 23
    assert sum(1 for _ in desk.letters.redrive()) == 23
    assert desk.letters.count() == 0


class TestTrace:
    def test_a_ticket_in_the_graph_names_its_file(self, desk: Desk) -> None:
        receipt = desk.file("a", row("D1"), row("D1", "Milk"))
        trace = desk.ticket("D1")
        ((claim,),) = (purchase.claims for purchase in trace.purchases)
        assert claim.load
        assert claim.load.id == receipt.id
        assert trace.verdict == (
            f"D1: in the graph with 2 products, from {receipt.source.uri} (receipt {receipt.id}), "
            f"since {receipt.recorded_at}."
        )

    def test_a_ticket_that_a_newer_version_dropped(self, desk: Desk) -> None:
        older = desk.file("a", row("D1"), row("D2"))
        newer = desk.file("a", row("D2"))
        trace = desk.ticket("D1")
        assert [purchase.content for purchase in trace.purchases] == [None]
        assert (
            f"(receipt {older.id}) carried it, and the version that stands for that file ({newer.id}) does not"
            in trace.verdict
        )

    def test_a_ticket_in_two_files_names_both_and_what_was_superseded(self, desk: Desk) -> None:
        older = desk.file("a", row("D1"), row("D1", "Milk"))
        newer = desk.file("b", row("D1", quantity=5), row("D1", "Rice"))
        said = desk.ticket("D1").verdict
        assert f"in the graph with 3 products: 2 products from {newer.source.uri}" in said
        assert f"1 product from {older.source.uri}" in said
        assert "1 product of an earlier file superseded by a later one." in said
        told = desk.ledger.receipt(older.id)
        assert told
        assert told.counts == Counts(received=2, accepted=1, superseded=1)
        assert "1 accepted, 1 superseded" in desk.trace("a").verdict

    def test_what_leaves_with_a_rejected_row_is_told_with_it(self, desk: Desk) -> None:
        desk.file("a", row("D1", quantity=3), row("D2"), row("D3", "Milk"))
        newer = desk.file("a", row("D1", quantity=0), row("D2"), "D3,Milk\n", row("D9", quantity=0))
        reasons = [document["reason"] for document in desk.quarantine().documents(newer)]
        left = "of this ticket: what no other row or file has leaves"
        assert [left in reason for reason in reasons] == [True, True, False]
        assert "before, the file had 'Bread' x 3" in reasons[0]
        assert "before, the file had 'Milk' x 1" in reasons[1]
        assert "not in the graph" in desk.ticket("D1").verdict
        assert "before, the file had 'Bread' x 3" in desk.ticket("D1").verdict

    def test_a_number_of_two_purchases_names_each(self, desk: Desk) -> None:
        desk.file("a", row("D1"), row("D1", "Milk", store="S2"))
        trace = desk.ticket("D1")
        assert [purchase.key.store for purchase in trace.purchases] == ["S1", "S2"]
        assert "of store S2, basket" in trace.verdict

    def test_a_ticket_in_quarantine_says_row_and_reason(self, desk: Desk) -> None:
        ticket = f"D-{desk.folder}"
        receipt = desk.file("a", row("D1"), row(ticket, quantity=0), f"{ticket},cut\n")
        trace = desk.ticket(ticket)
        assert [(found["row"], found["rule"]) for found in trace.rejected] == [(2, "quantity_positive"), (3, "columns")]
        assert f"in quarantine from {receipt.source.uri}: row 2, column quantity: found '0'" in trace.verdict

    def test_a_ticket_that_nobody_knows_may_be_in_a_refused_file(self, desk: Desk) -> None:
        assert desk.ticket(f"D-{desk.folder}").verdict.startswith(f"D-{desk.folder}: never seen")
        refused = desk.file("unreadable", header="no,header\n")
        assert refused.source.uri in desk.ticket(f"D-{desk.folder}").refused

    def test_a_file_with_its_versions(self, desk: Desk) -> None:
        first = desk.file("a", row("D1"), row("D2", quantity=0))
        second = desk.file("a", header="no,header\n")
        desk.access.s3.delete_object(Bucket=desk.bucket, Key=desk.key("a"))
        trace = desk.trace("a")
        assert [version.known.id for version in trace.versions] == [first.id, second.id]
        assert [version.rules for version in trace.versions] == [{"quantity_positive": 1}, {"header": 1}]
        assert [version.in_dagster for version in trace.versions] == [False, False]
        assert [bool(version.known.load) for version in trace.versions] == [True, False]
        assert "was refused: " in trace.verdict
        assert "What the version before it brought stays in the graph." in trace.verdict
        assert "It is deleted in the bucket" in trace.verdict

    def test_another_file_whose_key_begins_alike_is_not_meant(self, desk: Desk) -> None:
        desk.file("a", row("D1"))
        desk.receipt(desk.key("a") + ".gz", desk.put(desk.key("a") + ".gz", HEADER + row("D2")))
        assert len(desk.trace("a").versions) == 1

    def test_a_file_that_nothing_announces(self, desk: Desk) -> None:
        desk.bucket = desk.access.bucket("quarantine")
        desk.put(desk.key("silent"), HEADER + row("D1"))
        desk.wait(lambda: desk.letters.waiting() == 0)
        assert "no event announces it" in desk.trace("silent").verdict


class TestCommands:
    @pytest.mark.parametrize("env", [False, True], ids=["instance", "environment"])
    def test_list_and_show_for_programs(self, desk: Desk, *, env: bool) -> None:
        receipt = desk.file("a", row("D1"), row("D2", quantity=0), row("D3", timestamp="soon"))
        listed = desk.cesta_json("quarantine", "list", "--key", desk.folder, env=env)
        (file,) = listed["files"]
        assert (file["receipt"], file["received"], file["quarantined"]) == (receipt.id, 3, 2)
        assert desk.cesta_json("quarantine", "list", "--key", desk.folder, "--rule", "columns", env=env)["files"] == []
        for name in (receipt.id, receipt.id[:12], desk.key("a"), receipt.source.uri):
            code, said, _ = desk.cesta("quarantine", "show", name, "--json", "--rule", "quantity_positive", env=env)
            assert code == 0
            assert [json.loads(line)["row"] for line in said.splitlines()] == [2]

    def test_more_than_the_limit_is_said(self, desk: Desk) -> None:
        for name in "ab":
            desk.file(name, row("D1"), row("D2", quantity=0))
        listed = desk.cesta_json("quarantine", "list", "--key", desk.folder, "--limit", "1")
        assert (len(listed["files"]), listed["more"]) == (1, True)
        assert "There are more" in desk.cesta("quarantine", "list", "--key", desk.folder, "--limit", "1")[1]
        assert desk.cesta_json("quarantine", "list", "--key", desk.folder, "--limit", "2")["more"] is False
        for narrowed in (("list", "--rule", "columns", "--key", desk.folder), ("replay", "--rule", "size")):
            code, said, _ = desk.cesta("quarantine", *narrowed)
            assert (code, said.startswith("No open file matches; open: ")) == (0, True)

    @pytest.mark.parametrize("command", [("list",), ("show", "a.csv"), ("replay",)])
    def test_a_rule_that_is_none_is_refused_with_those_there_are(self, desk: Desk, command: tuple[str, ...]) -> None:
        code, _, complained = desk.cesta("quarantine", *command, "--rule", "quantity")
        assert (code, "have no rule quantity; there are present, " in complained) == (1, True)

    @pytest.mark.parametrize("name", ["s3://no-such-bucket-here/a.csv", "s3://No bucket/a.csv"])
    def test_a_wrong_bucket_is_one_sentence(self, desk: Desk, name: str) -> None:
        code, _, complained = desk.cesta("trace", name, env=True)
        assert (code, complained.count("\n"), "cesta doctor" in complained) == (1, 1, False)
        assert name in complained

    def test_a_mended_file_takes_the_place_of_the_old(self, desk: Desk, tmp_path: Path) -> None:
        receipt = desk.file("a", row("D1"), row("D2", quantity=0))
        mended = tmp_path / "mended.csv"
        code, said, _ = desk.cesta("quarantine", "show", receipt.id, "--csv", str(mended))
        assert (code, mended.read_text().splitlines()) == (0, [HEADER.strip(), row("D2", quantity=0).strip()])
        assert "put that under its key" in said
        code, _, complained = desk.cesta("quarantine", "replay", receipt.id, "--file", str(mended))
        assert code == 1
        assert "has 1 row and the file that it replaces has 2" in " ".join(complained.split())
        mended.write_text(HEADER + row("D1") + row("D2", quantity=3))
        done = desk.cesta_json("quarantine", "replay", receipt.id, "--file", str(mended))
        assert (done["before"]["quarantined"], done["after"]["quarantined"], done["after"]["accepted"]) == (1, 0, 2)
        assert desk.lines("D2") == [("Bread", 3)]
        assert desk.open() == []
        code, _, complained = desk.cesta("quarantine", "replay", receipt.id)
        assert (code, "is replaced already" in complained) == (1, True)

    def test_replay_by_rule_says_what_was_and_what_is(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        desk.file("a", row("D1"), row("D2", quantity=0))
        monkeypatch.setattr(rows, "SMALLEST_QUANTITY", Decimal(0))
        done = desk.cesta_json("quarantine", "replay", desk.key("a"))
        assert [(each["before"]["quarantined"], each["after"]["quarantined"]) for each in done["files"]] == [(1, 0)]
        assert desk.lines("D2") == [("Bread", 0)]

    def test_trace_takes_key_address_receipt_and_ticket(self, desk: Desk) -> None:
        receipt = desk.file("a", row(f"D-{desk.folder}"))
        for name in (desk.key("a"), receipt.source.uri, receipt.id):
            assert desk.cesta_json("trace", name)["versions"][0]["receipt"] == receipt.id
        found = desk.cesta_json("trace", f"D-{desk.folder}")
        assert found["purchases"][0]["claims"][0]["load"]["id"] == receipt.id
        assert found["purchases"][0]["in_graph"]["lines"] == {"Bread": {"quantity": 1.0, "category": "Bakery"}}
        rejected = desk.file("b", row("D1"), row("D2", quantity=0))
        assert desk.cesta_json("trace", rejected.id[:8])["versions"][0]["receipt"] == rejected.id
        assert "found by all 32 digits" in " ".join(desk.cesta("trace", receipt.id[:8])[1].split())
        code, said, _ = desk.cesta("trace", f"D-{desk.folder}")
        assert code == 0
        assert "in the graph with 1 product, from" in " ".join(said.split())
