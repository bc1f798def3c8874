"""The query log: a line for each search, without numbers of persons and names of callers, and never in the way."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from lambdas.search_api.lambda_function import query_log
from pipeline_assets.datasets.ecommerce import QUERY_LOG
from pipeline_assets.operations.access import Access
from pipeline_assets.privacy.tokens import TokenKey
from pipeline_assets.search.asked import asked_on
from pipeline_assets.search.query_log import LONGEST_TEXT, AskedQuery, AskedTable, QueryLog, logged_text

CARD = "4111 1111 1111 1111"
SUBJECT = "ana.lopez@example.com"
ASKED_BY = TokenKey("caller-1", b"k" * 32).token("caller", SUBJECT)


@pytest.fixture
def lines(bare_cloud: Access) -> AskedTable:
    table = f"query-log-{uuid4().hex}"
    bare_cloud.dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "day", "KeyType": "HASH"}, {"AttributeName": "asked", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("day", "asked")],
        BillingMode="PAY_PER_REQUEST",
    )
    return AskedTable(bare_cloud.dynamodb, table)


def log(table: AskedTable) -> QueryLog:
    return QueryLog(lambda: table)


def asked(text: str) -> AskedQuery:
    return AskedQuery("tienda", ASKED_BY, text, 0.0123, 7)


def test_lines_are_rows_of_the_dataset_without_personal_data(lines: AskedTable) -> None:
    for text in (f"leche pagada con {CARD}", "dni 078-05-1120 ssn", "\ud800 ñandú\x00", "pan"):
        assert log(lines).record(asked(text))
    assert not log(lines).record(asked("  "))
    rows = list(asked_on(datetime.now(UTC).date(), lines))
    assert [row["text"] for row in rows][0::2] == ["leche pagada con [card ending 1111]", "? ñandú"]
    assert {row["system"] for row in rows} == {"search:tienda"}
    assert {row["asked_by"] for row in rows} == {ASKED_BY}
    assert {name for row in rows for name in row} == set(QUERY_LOG.column_names)
    assert len({row["query_id"] for row in rows}) == 4
    kept = json.dumps(lines.client.scan(TableName=lines.name)["Items"])
    for secret in (SUBJECT, "lopez", CARD, CARD.replace(" ", ""), "078-05-1120"):
        assert secret not in kept


def test_a_long_text_is_masked_before_it_is_cut() -> None:
    text = logged_text("x" * (LONGEST_TEXT - 12) + f" {CARD} " + "y" * 5_000)
    assert len(text) <= LONGEST_TEXT
    assert "4111" not in text


def test_no_failure_of_the_log_fails_a_search(
    lines: AskedTable, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ASKED_QUERIES_TABLE", raising=False)
    gone = boto3.client(
        "dynamodb",
        endpoint_url="http://127.0.0.1:9",
        region_name="eu-central-1",
        config=Config(retries={"max_attempts": 0}),
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    with caplog.at_level(logging.WARNING):
        assert not log(AskedTable(gone, lines.name)).record(asked(f"leche {CARD}"))
        assert not log(AskedTable(lines.client, "no-such-table")).record(asked("leche"))
        # The function's own, in a deployment that names no table.
        assert not query_log.record(asked("leche"))
    assert [record.levelname for record in caplog.records if "query log" in record.message] == ["WARNING"] * 3
    assert "1111" not in caplog.text
    assert "leche" not in caplog.text
