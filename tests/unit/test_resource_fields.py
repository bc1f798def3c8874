"""What a resource is given as fields, and what it takes from the environment."""

from collections.abc import Iterator
from typing import ClassVar

import dagster as dg
import pytest

from pipeline_assets.definitions import defs
from pipeline_assets.events.environment import MissingSettingError
from pipeline_assets.lineage.resources import LedgerResource
from pipeline_assets.tickets.assets import TicketStoresResource

SOLD, DAY = dg.AssetKey(["tickets"]), "2026-03-01"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def test_the_page_of_resources_tells_the_variables_of_each() -> None:
    resources = defs.get_repository_def().get_top_level_resources()
    assert resources.keys() == {
        "stores",
        "stock_stores",
        "export_stores",
        "curation_stores",
        "spark",
        "analytics_stores",
        "compras_stores",
        "products_search_stores",
        "compras_search_stores",
        "asked_queries_stores",
        "crawlers",
        "ledger",
        "quarantine",
        "metrics",
    }
    shown = {key: resource.config_schema.default_value for key, resource in resources.items()}
    # What has optional fields alone shows that they are left to the environment.
    assert set(shown.pop("spark").values()) == {""}
    for fields in shown.values():
        assert fields == {name: {"env": name.upper()} for name in fields}
    assert shown["ledger"].keys() == {"ledger_table"}
    assert {"neo4j_uri", "neo4j_password", "ledger_table"} <= shown["stores"].keys()


class TestFields:
    """What a resource is given as fields, and what it takes from the environment."""

    GIVEN: ClassVar = {
        "neo4j_uri": "bolt://10.0.0.7:7687",
        "neo4j_password": "none",
        "tickets_queue_url": "none",
        "quarantine_bucket": "none",
        "ledger_table": "receipts",
    }

    def test_a_field_counts_more_than_its_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LEDGER_TABLE", "another")
        assert TicketStoresResource(**self.GIVEN).settings.ledger_table == "receipts"

    def test_an_optional_one_left_empty_is_as_its_variable_says(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TICKETS_BUCKET", "files")
        monkeypatch.delenv("NEO4J_USER", raising=False)
        settings = TicketStoresResource(**self.GIVEN).settings
        assert (settings.bucket, settings.neo4j_user) == ("files", "neo4j")

    def test_a_variable_that_is_missing_is_named_before_anything_is_opened(
        self, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("LEDGER_TABLE", raising=False)
        checks = dg.Definitions(assets=defs.assets, asset_checks=defs.asset_checks, resources=defs.resources)
        with pytest.raises(dg.DagsterInvalidConfigError, match='"LEDGER_TABLE" which is not set'):
            checks.resolve_implicit_global_asset_job_def().execute_in_process(
                instance=instance, asset_selection=[SOLD], partition_key=DAY
            )

    def test_a_variable_that_is_empty_is_named_with_its_meaning(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("LEDGER_TABLE", raising=False)
        with pytest.raises(MissingSettingError, match="LEDGER_TABLE is not set: it must hold"):
            LedgerResource(ledger_table="").open()

    def test_one_that_is_empty_fails_the_run_before_its_first_step(
        self, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("NEO4J_URI", "NEO4J_PASSWORD", "TICKETS_QUEUE_URL", "QUARANTINE_BUCKET"):
            monkeypatch.setenv(name, "none")
        monkeypatch.setenv("LEDGER_TABLE", "")
        job = dg.define_asset_job("by_hand", dg.AssetSelection.assets(SOLD).without_checks())
        resolved = dg.Definitions(assets=defs.assets, jobs=[job], resources=defs.resources).resolve_job_def("by_hand")
        with pytest.raises(dg.DagsterResourceFunctionError) as raised:
            resolved.execute_in_process(instance=instance, partition_key=DAY)
        assert "LEDGER_TABLE is not set: it must hold" in str(raised.value.__cause__)
