"""Batches of a stream from record to Dagster: recorded once however they are cut, shown, and kept where rejected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.cli.deployment import Deployment
from deploy.cli.quarantine import print_documents, print_list
from pipeline_assets.errors import TransientError
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.rejection import RejectedChange
from pipeline_assets.events.sources import StreamBatch, source_from_json
from pipeline_assets.lineage.bridge import Place, Shown, Standing, plan
from pipeline_assets.lineage.metadata import sources_table
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.rejected import rejected_files
from tests.worlds.examples import examples
from tests.worlds.ledger_accounts import source_ids
from tests.worlds.memory_storage import MemoryStorage
from tests.worlds.mortality import DeadError, Fate, Mortal
from tests.worlds.stores import make_table

FLOW, DAY = "compras", "2026-11-20"
STREAM = "arn:aws:dynamodb:eu-central-1:111122223333:table/prod-t_MS3_compras/stream/2026-11-01T00:00:00.000"
_WRITES = ("get_item", "transact_write_items", "batch_write_item", "update_item")


@dataclass
class Flow:
    """A flow as it will work batches in: what has a receipt is left out, what is left has one of its own."""

    access: Access
    table: str
    tenants: int = 2

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.access.dynamodb, self.table)

    def deliver(self, records: Sequence[int], *, fate: Fate | None = None, split: int = 0) -> str:
        """Work a delivered batch in, given by the numbers of its records; `split` ends the function's work there."""
        client: Any = Mortal(self.access.dynamodb, fate or Fate(), _WRITES)
        ledger = Ledger(client, self.table)
        found = ledger.covered(batch(records), list(map(sequence_number, records)))
        left = [number for number in records if sequence_number(number) in found.left]
        left = left[: split or None]
        said = ledger.record(self.receipt(left), sequence_numbers=list(map(sequence_number, left))) if left else ""
        ledger.redelivered(found.receipt_ids)
        return said

    def receipt(self, records: Sequence[int]) -> Receipt:
        """The receipt of some records, each accepted, of a tenant each."""
        counts = Counts(received=len(records), accepted=len(records))
        parts = [PartitionCounts("compras/landed", batch(records).arrival_day, counts, of_arrival=True)]
        for tenant in sorted({number % self.tenants for number in records}):
            mine = sum(number % self.tenants == tenant for number in records)
            parts.append(PartitionCounts("search/compras", f"t{tenant}", Counts(received=mine, accepted=mine)))
        return Receipt(FLOW, batch(records), 1, counts, tuple(parts), 0, 0.1, "1", f"{DAY}T11:00:00.000Z")

    def recorded(self) -> list[str]:
        """The numbers that receipts say they are of, by first and last, with the number of deliveries."""
        return [
            f"{int(each.source.first)}-{int(each.source.last)} x{self.ledger.deliveries(each.id)}"
            for each in self.ledger.receipts(FLOW)
            if isinstance(each.source, StreamBatch)
        ]


def sequence_number(number: int) -> str:
    return str(number).rjust(40, "0")


def time_of(number: int) -> str:
    return f"{DAY}T{9 + number // 60:02d}:{number % 60:02d}:00.000Z"


def batch(records: Sequence[int]) -> StreamBatch:
    return StreamBatch.of(FLOW, STREAM, list(map(str, records)), list(map(time_of, records)))


@pytest.fixture
def flow(bare_cloud: Access) -> Flow:
    return new_flow(bare_cloud)


def new_flow(access: Access, tenants: int = 2) -> Flow:
    name = f"ledger-{uuid4().hex}"
    make_table(access.dynamodb, name)
    return Flow(access, name, tenants)


class TestBatch:
    def test_it_says_where_it_is_from_and_is_written_down_with_its_kind(self) -> None:
        made = batch([7, 9, 30])
        assert (made.kind, made.table, made.epoch) == ("stream_batch", "prod-t_MS3_compras", "2026-11-01T00:00:00.000")
        assert (made.first, made.last, made.records) == (sequence_number(7), sequence_number(30), 3)
        assert (made.arrival_day, made.event_time, made.until) == (DAY, time_of(7), time_of(30))
        assert made.uri == "dynamodb://prod-t_MS3_compras/2026-11-01T00:00:00.000/7"
        assert StreamBatch.from_dict(made.as_dict()) == made
        assert Receipt.unpacked(Flow.receipt(Flow.__new__(Flow), [7, 9]).packed()).source == batch([7, 9])

    def test_it_is_known_by_where_it_begins_for_whom_in_which_stream(self) -> None:
        made = batch([7, 9, 30])
        assert batch([7]).id == made.id
        others = [batch([9, 30]), *(replaced(made, name) for name in ("consumer", "stream", "epoch"))]
        assert len({made.id, *(each.id for each in others)}) == len(others) + 1

    def test_a_later_epoch_comes_after_whatever_its_numbers_are(self) -> None:
        label = STREAM.rpartition("/")[2]
        recreated = StreamBatch.of(FLOW, STREAM.replace(label, "2026-11-20T00:00:00.000"), ["1"], [time_of(1)])
        assert batch([9]).stamp < batch([10]).stamp < recreated.stamp

    def test_none_is_made_of_no_records(self) -> None:
        with pytest.raises(ValueError, match="at least one record"):
            StreamBatch.of(FLOW, STREAM, [], [])

    def test_what_is_no_source_is_refused(self) -> None:
        with pytest.raises(ValueError, match="kind"):
            source_from_json('{"kind": "file"}')


def replaced(made: StreamBatch, name: str) -> StreamBatch:
    return StreamBatch.from_dict({**made.as_dict(), name: "other"})


class TestDeliveries:
    def test_the_same_batch_again_counts_one_more_delivery(self, flow: Flow) -> None:
        assert flow.deliver([1, 2, 3]) == "recorded"
        assert flow.deliver([1, 2, 3]) == ""
        assert flow.recorded() == ["1-3 x2"]
        assert flow.ledger.account("compras/landed", DAY).counts == Counts(received=3, accepted=3)

    def test_a_bisected_batch_whose_whole_was_recorded_is_known_half_by_half(self, flow: Flow) -> None:
        flow.deliver([1, 2, 3, 4])
        assert [flow.deliver([1, 2]), flow.deliver([3, 4])] == ["", ""]
        assert flow.recorded() == ["1-4 x3"]

    def test_a_batch_that_goes_on_where_another_was_left_off_is_cut(self, flow: Flow) -> None:
        flow.deliver([1, 2, 3, 4], split=2)
        flow.deliver([1, 2, 3, 4, 5, 6])
        assert flow.recorded() == ["1-2 x2", "3-6 x1"]

    def test_numbers_of_shards_that_lie_among_each_other_are_told_apart(self, flow: Flow) -> None:
        flow.deliver([1, 5, 9])
        assert flow.deliver([2, 500, 600]) == "recorded"
        assert flow.deliver([3, 4]) == "recorded"
        assert sum(flow.ledger.totals(FLOW).counts.as_dict().values()) == 2 * 8

    def test_a_stream_that_was_made_anew_begins_again(self, flow: Flow) -> None:
        flow.deliver([1, 2])
        label = STREAM.rpartition("/")[2]
        made = StreamBatch.of(FLOW, STREAM.replace(label, "2026-11-20T00:00:00.000"), ["1"], [time_of(1)])
        assert flow.ledger.covered(made, ["1"]).receipt_ids == ()

    def test_who_finds_that_others_were_quicker_is_delivered_again(self, flow: Flow) -> None:
        flow.deliver([1, 2])
        for records in ([1, 2, 3], [0, 2]):
            with pytest.raises(TransientError, match="others have recorded part"):
                flow.ledger.record(flow.receipt(records), sequence_numbers=list(map(str, records)))
        assert flow.recorded() == ["1-2 x1"]
        assert source_ids(flow.ledger, "compras/landed", DAY) == (batch([1]).id,)

    def test_one_that_was_never_recorded_is_told_to_dagster_whoever_records_it(self, flow: Flow) -> None:
        """As that of an object version is: nobody can have told of it before."""
        first, again = flow.receipt([4, 5]), replace(flow.receipt([4, 5]), run=2)
        assert flow.ledger.record(first, report=False, sequence_numbers=["4", "5"]) == "recorded"
        assert [report.receipt for report in flow.ledger.pending(FLOW, limit=10)] == [first]
        assert flow.ledger.record(again, report=False, sequence_numbers=["4", "5"]) == "recorded"
        assert [report.receipt for report in flow.ledger.pending(FLOW, limit=10)] == [first]

    def test_the_numbers_have_to_be_those_of_the_batch(self, flow: Flow) -> None:
        with pytest.raises(ValueError, match="not those of the batch"):
            flow.ledger.record(flow.receipt([1, 2]), sequence_numbers=["1", "3"])

    def test_a_batch_of_more_partitions_than_a_transaction_takes(self, bare_cloud: Access) -> None:
        flow = new_flow(bare_cloud, tenants=70)
        records = range(200, 300)
        for at in range(1, 12):
            fate = Fate(at=at, after=True)
            try:
                flow.deliver(records, fate=fate)
            except DeadError:
                continue
            break
        for tenant in range(70):
            (found,) = source_ids(flow.ledger, "search/compras", f"t{tenant}")
            assert found == batch(records).id

    def test_a_replayed_record_revises_the_receipt_and_its_shares(self, flow: Flow) -> None:
        flow.deliver([1, 2, 3])
        before = flow.receipt([1, 2, 3])
        counts = Counts(received=3, accepted=2, quarantined=1)
        part = replace(before.partitions[0], counts=counts)
        again = replace(before, revision=1, counts=counts, partitions=(part,))
        numbers = list(map(sequence_number, [1, 2, 3]))
        assert flow.ledger.record(again, sequence_numbers=numbers) == "recorded"
        assert flow.ledger.account("compras/landed", DAY).counts == counts
        assert source_ids(flow.ledger, "search/compras", "t0") == ()
        assert flow.ledger.totals(FLOW).counts == counts


@settings(max_examples=examples(30), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    deliveries=st.lists(
        st.tuples(st.integers(0, 11), st.integers(1, 12), st.integers(0, 3), st.integers(0, 12), st.booleans()),
        min_size=1,
        max_size=6,
    )
)
def test_however_a_shard_is_cut_and_wherever_a_function_dies_each_record_counts_once(
    bare_cloud: Access, deliveries: list[tuple[int, int, int, int, bool]]
) -> None:
    flow = new_flow(bare_cloud)
    for first, length, split, at, after in [*deliveries, (0, 12, 0, 0, False)]:
        records = range(first + 1, min(first + length, 12) + 1)
        try:
            flow.deliver(records, fate=Fate(at=at, after=after), split=split)
        except DeadError:
            flow.deliver(records)
    flow.deliver(range(1, 13))
    whole = Counts(received=12, accepted=12)
    assert flow.ledger.totals(FLOW).counts == whole
    places = [("compras/landed", DAY), ("search/compras", "t0"), ("search/compras", "t1")]
    assert [flow.ledger.account(*place).counts.received for place in places] == [12, 6, 6]
    for place in places:
        source_ids(flow.ledger, *place)
    assert flow.ledger.newest(batch([1]).uri) is None
    bare_cloud.dynamodb.delete_table(TableName=flow.table)


class TestDagster:
    def test_it_waits_until_it_is_seen_at_every_place(self, flow: Flow) -> None:
        flow.deliver([1, 2, 3])
        reports = flow.ledger.pending(FLOW, limit=10)
        first = plan(reports, set(), lambda _: Standing.KNOWN)
        assert [(str(event.place), event.counts.received) for event in first.events] == [
            ("compras/landed [2026-11-20]", 3),
            ("search/compras [t0]", 1),
            ("search/compras [t1]", 2),
        ]
        assert {source.uri for event in first.events for source in event.sources} == {batch([1]).uri}
        report_id = reports[0].receipt.report_id
        shown = {Shown(Place(event.place.asset, event.place.partition), report_id) for event in first.events}
        flow.ledger.reported(FLOW, plan(reports, shown, lambda _: Standing.KNOWN).seen)
        assert flow.ledger.pending_count(FLOW) == 0

    def test_what_dagster_does_not_have_is_told_with_the_stream(self, flow: Flow) -> None:
        flow.deliver([1])
        found = plan(flow.ledger.pending(FLOW, limit=10), set(), lambda _: Standing.UNKNOWN)
        assert {rejection.source for rejection in found.rejections} == {batch([1]).uri}

    def test_the_sources_of_an_event_are_listed_with_their_records(self) -> None:
        lines = sources_table([batch([7, 9, 30])]).splitlines()
        assert lines == [
            "| stream from | to | records | arrived |",
            "|---|---|---:|---|",
            f"| {batch([7]).uri} | 30 | 3 | {time_of(7)} |",
        ]


class TestQuarantine:
    def test_a_rejected_record_is_kept_with_both_images_listed_and_shown(
        self, flow: Flow, capsys: pytest.CaptureFixture[str]
    ) -> None:
        storage = MemoryStorage()
        quarantine = JsonLinesQuarantine(storage.bucket("quarantine"), FLOW)
        counts = Counts(received=2, accepted=1, quarantined=1)
        receipt = replace(flow.receipt([7, 9]), counts=counts)
        keys = {"tenant_id": "t1", "id": "9"}
        change = RejectedChange(
            "9",
            "MODIFY",
            keys,
            {**keys, "card": "****1111"},
            {**keys, "total": -1},
            "total_positive",
            "-1 is below 0",
            event_id="e-9",
            region="eu-central-1",
            at=time_of(9),
        )
        quarantine.keep_changes(batch([7, 9]), 1, [])
        quarantine.keep_changes(batch([7, 9]), 1, [change])
        flow.ledger.record(receipt, sequence_numbers=["7", "9"])
        (document,) = quarantine.documents(receipt)
        assert document == {
            **batch([7, 9]).place,
            "event_time": time_of(7),
            "sequence_number": "9",
            "event_id": "e-9",
            "event_name": "MODIFY",
            "region": "eu-central-1",
            "at": time_of(9),
            "rule": "total_positive",
            "reason": "-1 is below 0",
            "keys": keys,
            "old": {**keys, "card": "****1111"},
            "new": {**keys, "total": -1},
        }
        contents = quarantine.contents()
        assert list(contents.receipts) == [receipt.id]
        (listed,) = rejected_files(Stores(storage, flow.ledger, quarantine), contents)
        assert listed.as_dict() | batch([7, 9]).place == listed.as_dict()
        assert (listed.standing, listed.rules, listed.as_dict()["quarantined"]) == ("open", {"total_positive": 1}, 1)

        there: Any = Deployment(Rules(), Stores(storage, flow.ledger, quarantine), None, "", "b")  # type: ignore[arg-type]
        print_list(there, settled=False, rule=None, key="", limit=10, as_json=False)
        print_documents(there, receipt.id[:12], rule=None, limit=10, as_json=False)
        shown = "".join(capsys.readouterr().out.split())
        assert "dynamodb:" in shown
        assert "total_positive" in shown
        assert "t1,9,-1" in shown


@dataclass(frozen=True)
class Stores:
    """What a listing of the quarantine looks at."""

    storage: Any
    ledger: Ledger
    quarantine: JsonLinesQuarantine


@dataclass(frozen=True)
class Rules:
    """What the command asks of a flow before it lists."""

    name: str = FLOW
    rule_names: tuple[str, ...] = ("total_positive",)
