"""What a materialization says, by the bridge and by a run, of real stores: numbers, sentences, the way to bad rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from deploy.local.cloud import CREDENTIALS, REGION
from deploy.local.outputs import environment_contract
from pipeline_assets.curation.ingest import CURATION_FLOW
from pipeline_assets.lineage.shown import RECEIPTS
from pipeline_assets.operations.access import Access
from pipeline_assets.tickets.ingest import TICKET_FLOW
from tests.worlds.curation import DAY, STORES, CurationWorld, frame, row
from tests.worlds.dagster_ticks import Ticks, ticking, values
from tests.worlds.tickets import TicketWorld, ticket_world
from tests.worlds.tickets import row as line

if TYPE_CHECKING:
    from tests.worlds.stack import RunningStack

#: Of the work, which a run does once more; and the time that it took.
OF_ITS_OWN = ("code_version", "seconds_to_dagster", "work_seconds")


class TestLake:
    @pytest.fixture
    def world(self, bare_cloud: Access) -> CurationWorld:
        return CurationWorld.made(bare_cloud)

    @pytest.fixture
    def dagster(self, world: CurationWorld, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ticks]:
        environment = {
            "AWS_ENDPOINT_URL": str(world.access.s3.meta.endpoint_url),
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            **{name.upper(): value for name, value in CREDENTIALS.items()},
            "RAW_BUCKET": world.raw,
            "CURATED_BUCKET": world.curated,
            "QUARANTINE_BUCKET": world.quarantine,
            "LEDGER_TABLE": world.ledger,
        }
        with ticking(environment, monkeypatch) as ticks:
            yield ticks

    def test_a_raw_day_counts_the_rows_that_are_there_and_not_those_of_replaced_objects(
        self, world: CurationWorld, dagster: Ticks
    ) -> None:
        world.ingest(world.put(STORES, frame(STORES, [row(STORES, number) for number in range(1, 5)])))
        before = dagster.show("ecommerce")
        assert values(before["raw/stores", DAY])["dagster/partition_row_count"] == 4
        bad = row(STORES, 6, name="Ann Example", country="usa")
        world.ingest(world.put(STORES, frame(STORES, [row(STORES, 1), row(STORES, 5), bad])))
        after = dagster.show("ecommerce")

        raw, curated = values(after["raw/stores", DAY]), values(after["curated/stores", DAY])
        assert (raw["dagster/partition_row_count"], raw["state_objects"]) == (3, 1)
        assert (curated["dagster/partition_row_count"], curated["state_objects"]) == (2, 1)
        assert raw["state_rows_quarantined"] == curated["state_rows_quarantined"] == 1
        assert curated["rows_rejected_share"] == pytest.approx(1 / 3, abs=1e-6)
        assert after["curated/stores", DAY].description == "1 file, 1 of 3 rows rejected"
        assert before["curated/stores", DAY].description == "1 file, 4 rows, none rejected"

    def test_from_an_event_a_person_gets_to_the_rejected_rows_and_sees_nothing_of_them(
        self, world: CurationWorld, dagster: Ticks
    ) -> None:
        rows = [
            row(STORES, 1),
            row(STORES, 2, name="Ann Example", country="atlantis"),
            row(STORES, 3, country="utopia"),
        ]
        version = world.put(STORES, frame(STORES, rows))
        receipt = world.ingest(version)
        event = dagster.show("ecommerce")["curated/stores", DAY]
        told = values(event)
        expected = next(rule.expected for rule in STORES.rules if rule.name == "country_known")
        assert f"| country_known | 2 | row 2, column country: expected {expected} |" in told["rejected"]
        assert version.uri in told["rejected"]
        bucket, _, key = told["quarantine"].removeprefix("s3://").partition("/")
        assert world.access.s3.head_object(Bucket=bucket, Key=key)["ContentLength"] > 0
        assert told["show_rejected"] == f"cesta quarantine show {receipt.id[:12]} --flow ecommerce"
        assert told["how_to_mend"] == "docs/guides/mend.md"
        assert told["newest_source"] == version.uri
        assert next(iter(told)) == "rejected"
        assert list(told)[-1] == RECEIPTS
        assert not [name for name, value in told.items() if any(found in str(value) for found in ("atlantis", "Ann"))]

    def test_where_the_repository_has_an_address_the_page_on_mending_is_a_link(
        self, world: CurationWorld, dagster: Ticks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CODE_URL", "https://code.example/cesta/")
        world.ingest(world.put(STORES, frame(STORES, [row(STORES, 1), row(STORES, 2, country="x")])))
        told = values(dagster.show("ecommerce")["curated/stores", DAY])
        assert told["how_to_mend"] == "https://code.example/cesta/blob/main/docs/guides/mend.md"

    def test_a_run_says_what_the_bridge_says(self, world: CurationWorld, dagster: Ticks) -> None:
        bad = row(STORES, 3, country="usa")
        world.ingest(world.put(STORES, frame(STORES, [row(STORES, 1), row(STORES, 2), bad])))
        by_bridge = dagster.show("ecommerce")["curated/stores", DAY]
        by_run = dagster.run("curated/stores", DAY)
        assert by_run.description == by_bridge.description == "1 file, 1 of 3 rows rejected"
        assert figures(by_run) == figures(by_bridge)
        assert values(by_run).keys() - values(by_bridge).keys() == {"broken_rules", "engine", "preview"}
        assert values(by_bridge).keys() <= values(by_run).keys()

    def test_loads_of_a_day_are_told_as_loads_and_not_as_rows(self, world: CurationWorld, dagster: Ticks) -> None:
        whole = world.put(STORES, frame(STORES, [row(STORES, 1)]))
        world.ingest(whole)
        world.ingest(world.put(STORES, frame(STORES, [row(STORES, 2)]), load=1))
        manifest = world.put_manifest([(whole, 1)])
        assert world.stores().ledger.receipt(manifest.id) is None
        CURATION_FLOW.ingest(manifest, world.stores())
        dagster.show("ecommerce")
        by_bridge = dagster.show("loads")["lake/loads", DAY]
        told = values(by_bridge)
        assert (told["loads"], told["loads_open"]) == (2, 1)
        assert "it has no manifest" in told["standing"]
        assert not [name for name in told if "row" in name]
        assert by_bridge.description == "2 loads, 1 open"
        by_run = dagster.run("lake/loads", DAY)
        assert by_run.description == by_bridge.description
        assert values(by_run).keys() == told.keys()
        assert figures(by_run) == figures(by_bridge)


@pytest.mark.any_engine
class TestTickets:
    @pytest.fixture
    def world(self, cloud: RunningStack) -> Iterator[TicketWorld]:
        with ticket_world(cloud) as one:
            yield one

    @pytest.fixture
    def dagster(self, world: TicketWorld, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ticks]:
        contract = environment_contract(world.cloud.instance, world.cloud.outputs)
        own = {"LEDGER_TABLE": world.table, "TICKETS_BUCKET": world.bucket}
        with ticking({**contract, **own}, monkeypatch) as ticks:
            yield ticks

    def test_what_stands_goes_down_when_a_file_is_mended_and_the_graph_tells_its_size(
        self, world: TicketWorld, dagster: Ticks
    ) -> None:
        world.load("broken.csv", line("T1"), line("T2", quantity=0), line("T3", quantity=-1))
        world.load("other.csv", line("T4", quantity=0), line("T5"))
        day = world.versions[0].arrival_day
        before = dagster.show("tickets")
        landed, graph = before["tickets/landed", day], before["purchase_graph", ""]
        assert landed.description == graph.description == "2 files, 3 of 5 rows rejected"
        assert [values(event)["state_rows_quarantined"] for event in (landed, graph)] == [3, 3]
        assert values(landed)["rejected"].count("| quantity_positive |") == 2
        assert (values(graph)["dagster/row_count"], values(graph)["graph_ticket"]) == (2, 2)

        world.load("broken.csv", line("T1"), line("T2"), line("T3"))
        after = dagster.show("tickets")
        landed, graph = after["tickets/landed", day], after["purchase_graph", ""]
        mended = "1 file, 3 rows, none rejected, the rows of 1 earlier file counted anew"
        assert landed.description == graph.description == mended
        assert "rejected" not in values(landed)
        assert values(landed)["dagster/partition_row_count"] == 8
        assert [values(event)["state_rows_quarantined"] for event in (landed, graph)] == [1, 1]
        assert (values(graph)["dagster/row_count"], values(graph)["graph_ticket"]) == (4, 4)

        again = dagster.run("tickets/landed", day)
        assert {name: values(again)[name] for name in STATE} == {name: values(landed)[name] for name in STATE}
        rerun = values(dagster.run("purchase_graph"))
        told = [
            name for name in rerun if name.startswith(("graph_", "state_")) or name in {"size", "dagster/row_count"}
        ]
        assert {name: rerun[name] for name in told} == {name: values(graph)[name] for name in told}
        assert len(told) >= len(rerun["size"].splitlines())

    def test_a_refused_file_is_told_as_refused_with_its_reason(self, world: TicketWorld, dagster: Ticks) -> None:
        version = world.put("headless.csv", "1,2", header="nobody,knows")
        receipt = TICKET_FLOW.ingest(version, world.stores())
        event = dagster.show("tickets")["tickets/landed", version.arrival_day]
        assert event.description == "1 file, refused, 1 of 1 row rejected"
        assert receipt.refused.removeprefix("headless.csv: ") in values(event)["rejected"]


STATE = ("dagster/partition_row_count", "state_objects", "state_rows_quarantined")


def figures(event: Any) -> dict[str, Any]:
    """The numbers of an event, but for those of time."""
    found = values(event)
    return {name: value for name, value in found.items() if isinstance(value, int | float) and name not in OF_ITS_OWN}
