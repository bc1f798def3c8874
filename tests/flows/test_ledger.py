"""The ledger on the local cloud's table: sums that stay those of their sources, and receipts by flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.shares import account_key
from pipeline_assets.operations.access import Access
from tests.worlds.ledger_accounts import source_ids
from tests.worlds.ledger_receipts import ARRIVED, DAYS, PLACES, bad, new_table, receipt, version
from tests.worlds.mortality import DeadError, Fate, Mortal


@pytest.fixture
def ledger(bare_cloud: Access) -> Ledger:
    return Ledger(bare_cloud.dynamodb, new_table(bare_cloud))


class TestAccounts:
    def test_an_account_is_the_sum_of_its_sources_and_redelivery_changes_nothing(self, ledger: Ledger) -> None:
        first, other = receipt(version("a", 1), {DAYS[0]: 3}), receipt(version("b", 2), {DAYS[0]: 4, DAYS[1]: 5})
        assert ledger.record(first) == ledger.record(other) == "recorded"
        assert ledger.record(first) == "redelivered"
        assert ledger.account("tickets", DAYS[0]).counts == Counts(received=7, accepted=7)
        assert source_ids(ledger, "tickets", DAYS[0]) == (first.id, other.id)
        assert source_ids(ledger, "tickets/landed", ARRIVED) == (first.id, other.id)
        assert ledger.account("tickets/landed", ARRIVED).counts == Counts(received=12, accepted=12)

    def test_a_newer_version_takes_the_older_one_out_of_what_it_did_not_arrive_in(self, ledger: Ledger) -> None:
        old, new = receipt(version("a", 1), dict.fromkeys(DAYS, 3)), receipt(version("a", 2), {DAYS[1]: 4})
        ledger.record(old)
        ledger.record(new)
        assert source_ids(ledger, "tickets", DAYS[0]) == ()
        assert ledger.account("tickets", DAYS[0]).counts == Counts()
        assert source_ids(ledger, "tickets", DAYS[1]) == (new.id,)
        assert source_ids(ledger, "tickets/landed", ARRIVED) == (old.id, new.id)

    def test_a_version_that_is_known_in_two_places_of_the_order_is_replaced_once(
        self, ledger: Ledger, bare_cloud: Access
    ) -> None:
        """Two workers die, the first before the receipt, the second before it takes the first one's place out."""
        table = ledger._table.name  # noqa: SLF001 - for workers of their own
        listed = msgspec.structs.replace(version("a", 1), event_time=f"{ARRIVED}T10:00:01.500Z")
        for source, call in ((version("a", 1), ("transact_write_items", 2)), (listed, ("batch_write_item", 2))):
            client: Any = Mortal(bare_cloud.dynamodb, Fate(call[1]), (call[0],))
            with pytest.raises(DeadError):
                Ledger(client, table).record(receipt(source, {DAYS[0]: 3}))
        new = receipt(version("a", 2), {DAYS[1]: 4})
        assert ledger.record(new) == "recorded"
        assert source_ids(ledger, "tickets", DAYS[0]) == ()
        assert source_ids(ledger, "tickets", DAYS[1]) == (new.id,)

    def test_a_version_that_another_worker_refuses_meanwhile_decides_nothing(
        self, ledger: Ledger, bare_cloud: Access
    ) -> None:
        refused = receipt(version("a", 1), {}, run=2, refused="whole")

        class Overtaken:
            refuse: list[Callable[[], object]] = [lambda: ledger.record(refused)]  # noqa: RUF012 - once

            def __getattr__(self, name: str) -> Any:
                if name == "get_paginator" and self.refuse:
                    self.refuse.pop()()
                return getattr(bare_cloud.dynamodb, name)

        late = Ledger(Overtaken(), ledger._table.name)  # type: ignore[arg-type] # noqa: SLF001
        assert late.record(receipt(version("a", 1), {DAYS[0]: 3})) == "redelivered"
        assert (ledger.receipt(refused.id), ledger.newest(refused.version.uri)) == (refused, None)
        assert source_ids(ledger, "tickets", DAYS[0]) == ()

    def test_a_later_run_and_a_revision_change_shares_and_sums_by_the_difference(self, ledger: Ledger) -> None:
        source = version("a", 1)
        ledger.record(receipt(source, dict.fromkeys(DAYS, 3)))
        ledger.record(receipt(source, {DAYS[1]: 7}, run=2))
        ledger.record(receipt(source, {DAYS[1]: 6}, run=2, revision=1))
        ledger.record(receipt(source, {DAYS[1]: 9}))  # an earlier edition, delivered late
        assert [ledger.account("tickets", day).counts.received for day in DAYS] == [0, 6]
        assert ledger.totals("tickets").counts == Counts(received=6, accepted=6)
        assert [source_ids(ledger, *place) for place in PLACES] == [(source.id,), (), (source.id,)]

    def test_a_restated_day_says_what_it_was_told_and_nothing_of_others(self, ledger: Ledger) -> None:
        first, other = receipt(version("a", 1), {DAYS[0]: 3}), receipt(version("b", 2), {DAYS[0]: 4})
        ledger.record(first)
        ledger.record(other)
        told = Counts(received=3, superseded=3)
        ledger.restate("tickets", DAYS[0], {first.id: told, "0" * 32: told})
        assert ledger.account("tickets", DAYS[0]).counts == told
        assert source_ids(ledger, "tickets", DAYS[0]) == (first.id, other.id)

    def test_a_receipt_of_hundreds_of_partitions_is_counted_in_each(self, ledger: Ledger) -> None:
        days = {f"20{year}-01-{day:02d}": day for year in range(10, 16) for day in range(1, 29)}
        ledger.record(receipt(version("a", 1), days))
        assert {day: ledger.account("tickets", day).counts.accepted for day in days} == days

    def test_a_sum_that_is_wrong_is_mended(self, ledger: Ledger, bare_cloud: Access) -> None:
        receipts = [receipt(version(f"k{number}", number), {DAYS[0]: number}) for number in range(1, 20)]
        for each in receipts:
            ledger.record(each)
        right = ledger.account("tickets", DAYS[0])
        table = ledger._table.name  # noqa: SLF001 - nobody else could write a wrong sum
        pk = {"S": account_key(("tickets", DAYS[0]))}
        digits = sorted({each.id[0] for each in receipts})
        bare_cloud.dynamodb.delete_item(TableName=table, Key={"pk": pk, "sk": {"S": digits[0]}})
        bare_cloud.dynamodb.update_item(
            TableName=table,
            Key={"pk": pk, "sk": {"S": digits[1]}},
            UpdateExpression="ADD received :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
        assert ledger.account("tickets", DAYS[0]) != right == ledger.recount("tickets", DAYS[0])
        ledger.mend("tickets", DAYS[0])
        assert ledger.account("tickets", DAYS[0]) == right


def open_of(ledger: Ledger, flow: str = "tickets") -> dict[str, int]:
    """Rejected rows of what is open, by receipt id."""
    return {each.receipt.id: each.receipt.counts.quarantined for each in ledger.problems.of(flow)}


class TestProblems:
    def test_rejected_rows_and_a_refusal_are_open_and_redelivery_changes_nothing(self, ledger: Ledger) -> None:
        rows, file = bad(version("a", 1), 2), bad(version("b", 2), 0, 0, refused="b: it has no header")
        for each in (rows, file, rows, receipt(version("c", 3), {DAYS[0]: 5})):
            ledger.record(each)
        assert open_of(ledger) == {rows.id: 2, file.id: 0}
        assert [each.receipt for each in ledger.problems.of("tickets")] == [rows, file]
        assert open_of(ledger, "stocks") == {}

    def test_a_run_that_rejects_nothing_mends_it_and_a_run_that_rejects_again_opens_it(self, ledger: Ledger) -> None:
        source = version("a", 1)
        ledger.record(bad(source, 2))
        ledger.record(bad(source, 0, 5, run=2))
        assert open_of(ledger) == {}
        ledger.record(bad(source, 3, run=3))
        ledger.record(bad(source, 0, 5, run=2))  # delivered late
        assert open_of(ledger) == {source.id: 3}

    def test_a_newer_version_that_was_taken_settles_the_older_and_a_refused_one_does_not(self, ledger: Ledger) -> None:
        first, second, third = (version("a", number) for number in (1, 2, 3))
        ledger.record(bad(first, 2))
        ledger.record(bad(second, 0, 0, refused="a: it has no header"))
        assert open_of(ledger) == {first.id: 2, second.id: 0}
        ledger.record(bad(third, 1))
        (still,) = [each for each in ledger.problems.of("tickets") if ledger.is_open(each)]
        assert still.receipt.source == third
        assert open_of(ledger) == {third.id: 1}

    def test_of_versions_refused_in_a_row_the_newest_is_open(self, ledger: Ledger) -> None:
        for number in (2, 1, 3):
            ledger.record(bad(version("a", number), 0, 0, refused="a: it has no header"))
        assert open_of(ledger) == {version("a", 3).id: 0}

    def test_a_replaced_version_that_is_worked_again_is_not_open_again(self, ledger: Ledger) -> None:
        ledger.record(bad(version("a", 1), 2))
        ledger.record(receipt(version("a", 2), {DAYS[0]: 5}))
        ledger.record(bad(version("a", 1), 2, run=2))
        assert open_of(ledger) == {}

    def test_a_version_that_stands_again_is_open_again(self, ledger: Ledger) -> None:
        ledger.record(bad(version("a", 1), 2))
        newer = receipt(version("a", 2), {DAYS[0]: 5})
        ledger.record(newer)
        ledger.record(bad(newer.version, 0, 0, run=2, refused="a: it is gone"))
        ledger.reinstate(version("a", 1).id)
        assert open_of(ledger) == {version("a", 1).id: 2, newer.id: 0}

    def test_a_worker_that_dies_over_a_replacement_leaves_nothing_that_is_told(
        self, ledger: Ledger, bare_cloud: Access
    ) -> None:
        ledger.record(bad(version("a", 1), 2))
        table = ledger._table.name  # noqa: SLF001 - for a worker of its own
        dying: Any = Mortal(bare_cloud.dynamodb, Fate(2), ("batch_write_item",))
        with pytest.raises(DeadError):
            Ledger(dying, table).record(receipt(version("a", 2), {DAYS[0]: 5}))
        (found,) = ledger.problems.of("tickets")
        assert not ledger.is_open(found)
        assert open_of(ledger) == {}

    def test_one_that_changed_while_it_was_looked_at_stays(self, ledger: Ledger) -> None:
        source = version("a", 1)
        ledger.record(bad(source, 2))
        (found,) = ledger.problems.of("tickets")
        ledger.record(bad(source, 4, run=2))
        ledger.problems.settle(found)
        assert open_of(ledger) == {source.id: 4}

    def test_an_acknowledgement_covers_what_was_seen_and_no_more(self, ledger: Ledger) -> None:
        source = version("a", 1)
        ledger.record(bad(source, 2))
        said = ledger.problems.acknowledge(ledger.problems.of("tickets")[0], "a test file", "ada", f"{ARRIVED}T12")
        assert said.sentence == f"a test file (ada, {ARRIVED})"
        assert ledger.problems.of("tickets")[0].acknowledged == said
        ledger.record(bad(source, 2, run=2))
        assert ledger.problems.of("tickets")[0].acknowledged == said
        ledger.record(bad(source, 3, run=3))
        assert ledger.problems.of("tickets")[0].acknowledged is None
        ledger.record(bad(version("a", 2), 2))
        (newer,) = ledger.problems.of("tickets")
        assert (newer.receipt.source, newer.noted) == (version("a", 2), None)

    def test_an_acknowledgement_is_withdrawn_and_ends_with_its_problem(self, ledger: Ledger) -> None:
        source = version("a", 1)
        ledger.record(bad(source, 2))
        for _ in range(2):
            ledger.problems.acknowledge(ledger.problems.of("tickets")[0], "known", "ada", f"{ARRIVED}T12")
        ledger.problems.withdraw(ledger.problems.of("tickets")[0])
        assert ledger.problems.of("tickets")[0].noted is None
        ledger.problems.acknowledge(ledger.problems.of("tickets")[0], "known", "ada", f"{ARRIVED}T12")
        ledger.record(bad(source, 0, run=2))
        ledger.record(bad(source, 2, run=3))
        assert ledger.problems.of("tickets")[0].noted is None

    def test_what_a_receipt_names_in_vain_is_open_until_all_of_it_is_known(self, ledger: Ledger) -> None:
        mine = receipt(version("a", 1), {DAYS[0]: 5})
        ledger.record(mine)
        for _ in range(2):
            ledger.problems.note_unknown("tickets", {mine.id: (mine, ("nowhere [x]",))})
        (found,) = ledger.problems.of("tickets")
        assert (found.rejected, found.unknown, ledger.is_open(found)) == (False, ("nowhere [x]",), True)
        said = ledger.problems.acknowledge(found, "on its way", "ada", f"{ARRIVED}T12")
        assert ledger.problems.of("tickets")[0].acknowledged == said
        ledger.problems.forget_unknown(found)
        assert ledger.problems.of("tickets") == []


def test_the_receipts_of_a_flow_are_listed_by_its_own_items(ledger: Ledger, bare_cloud: Access) -> None:
    mine = [receipt(version(f"k{number}", number), {DAYS[0]: 1}) for number in range(20, 0, -1)]
    for each in mine:
        ledger.record(each)
        ledger.record(replace(each, flow="others", source=version(f"o{each.source.uri}", 3)))
    again = replace(mine[0], run=2)
    ledger.record(again)
    assert ledger.receipts("tickets") == [*mine[:0:-1], again]
    assert len(ledger.receipts("others")) == len(mine)

    class NoScan:
        def __getattr__(self, name: str) -> Any:
            assert name != "scan"
            return getattr(bare_cloud.dynamodb, name)

    assert Ledger(NoScan(), ledger._table.name).receipts("tickets")  # type: ignore[arg-type] # noqa: SLF001
