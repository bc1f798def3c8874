"""The environment contract."""

import pytest

from pipeline_assets.settings import MissingSettingError, Settings

COMPLETE = {
    "NEO4J_URI": "bolt://10.0.0.7:7687",
    "NEO4J_PASSWORD": "secret",
    "TICKETS_QUEUE_URL": "https://queue",
    "QUARANTINE_BUCKET": "quarantine",
    "LEDGER_TABLE": "ledger",
}


def test_the_graph_s_user_has_a_default() -> None:
    assert Settings.from_environment(COMPLETE).neo4j_user == "neo4j"
    assert Settings.from_environment(COMPLETE | {"NEO4J_USER": "loader"}).neo4j_user == "loader"


def test_the_bucket_of_ticket_files_is_asked_for_only_where_it_is_needed() -> None:
    assert Settings.from_environment(COMPLETE | {"TICKETS_BUCKET": "landing"}).require_tickets_bucket() == "landing"
    with pytest.raises(MissingSettingError, match="TICKETS_BUCKET"):
        Settings.from_environment(COMPLETE).require_tickets_bucket()


@pytest.mark.parametrize("name", COMPLETE)
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(MissingSettingError, match=f"environment variable {name} is not set: it must hold"):
        Settings.from_environment({key: value for key, value in COMPLETE.items() if key != name})
