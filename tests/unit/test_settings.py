"""The environment contract: every function names what it needs, and needs nothing else."""

from datetime import timedelta

import pytest

from pipeline_assets.events.environment import MissingSettingError, UnknownSettingError
from pipeline_assets.events.settings import LedgerSettings
from pipeline_assets.stocks.stores import StockSettings
from pipeline_assets.tickets.stores import TicketSettings

TICKETS = {
    "NEO4J_URI": "bolt://10.0.0.7:7687",
    "NEO4J_PASSWORD": "secret",
    "TICKETS_QUEUE_URL": "https://queue",
    "QUARANTINE_BUCKET": "quarantine",
    "LEDGER_TABLE": "ledger",
}
STOCKS = {"STOCKS_QUEUE_URL": "https://queue", "QUARANTINE_BUCKET": "quarantine", "LEDGER_TABLE": "ledger"}
LEDGER = {"LEDGER_TABLE": "ledger"}


def test_the_graph_s_user_has_a_default() -> None:
    assert TicketSettings.from_environment(TICKETS).neo4j_user == "neo4j"
    assert TicketSettings.from_environment(TICKETS | {"NEO4J_USER": "loader"}).neo4j_user == "loader"


def test_the_table_of_prices_has_a_default() -> None:
    assert StockSettings.from_environment(STOCKS).stock_table == "StockData"
    assert StockSettings.from_environment(STOCKS | {"TABLE_NAME": "other"}).stock_table == "other"


def test_the_bucket_of_ticket_files_is_asked_for_only_where_it_is_needed() -> None:
    named = TicketSettings.from_environment(TICKETS | {"TICKETS_BUCKET": "landing"})
    assert named.require_bucket() == "landing"
    with pytest.raises(MissingSettingError, match="TICKETS_BUCKET"):
        TicketSettings.from_environment(TICKETS).require_bucket()


@pytest.mark.parametrize(
    ("settings", "complete", "name"),
    [
        pytest.param(settings, complete, name, id=f"{settings.__name__}-{name}")
        for settings, complete in ((TicketSettings, TICKETS), (StockSettings, STOCKS), (LedgerSettings, LEDGER))
        for name in complete
    ],
)
def test_a_missing_variable_is_named(
    settings: type[TicketSettings | StockSettings | LedgerSettings], complete: dict[str, str], name: str
) -> None:
    assert settings.from_environment(complete)
    with pytest.raises(MissingSettingError, match=f"environment variable {name} is not set: it must hold"):
        settings.from_environment({key: value for key, value in complete.items() if key != name})


@pytest.mark.parametrize(("text", "minutes"), [("", 0), ("00:00", 0), ("06:30", 390), ("23:59", 1439)])
def test_the_day_of_purchases_begins_at_a_time_of_day(text: str, minutes: int) -> None:
    settings = TicketSettings.from_environment(TICKETS | {"TICKETS_DAY_BEGINS": text})
    assert settings.day_begins == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["24:00", "6", "6:30", "06:60", "06:30:00", "noon", "٠٦:٣٠"])
def test_another_text_is_no_time_of_day(text: str) -> None:
    with pytest.raises(UnknownSettingError, match="TICKETS_DAY_BEGINS"):
        TicketSettings.from_environment(TICKETS | {"TICKETS_DAY_BEGINS": text})
