"""The function that answers queries, in the local cloud, called by `cesta invoke`: over the buckets of an instance."""

from __future__ import annotations

import json
import os
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from deploy.cli.main import app
from pipeline_assets.analytics.compliance_guardian.prod_set import COMPLIANCE_GUARDIAN
from pipeline_assets.analytics.compliance_guardian.spec import RISK_SCORES
from pipeline_assets.analytics.tables import MANIFESTS, prod_table
from tests.worlds.compras import purchase
from tests.worlds.frames import made, parquet
from tests.worlds.lake_days import default
from tests.worlds.prod_rows import PROD_ANSWERS, ROWS
from tests.worlds.stack import RunningStack

pytestmark = pytest.mark.any_engine
#: A day that no other test makes a set of.
DAY = "2016-01-02"


@pytest.fixture
def asked(cloud: RunningStack, monkeypatch: pytest.MonkeyPatch) -> RunningStack:
    """An instance with one table of a prod set, as of one day."""
    monkeypatch.setattr("os.environ", dict(os.environ))
    tables = COMPLIANCE_GUARDIAN.tables
    bucket, table = cloud.access.bucket(tables.name), prod_table(tables, RISK_SCORES)
    body = parquet(made(RISK_SCORES.columns, ROWS[table.name], default))
    cloud.access.s3.put_object(Bucket=bucket, Key=f"{table.prefix}as_of={DAY}/part.parquet", Body=body)
    cloud.access.s3.put_object(Bucket=bucket, Key=f"{MANIFESTS}as_of={DAY}.json", Body=b"{}")
    return cloud


def invoke(cloud: RunningStack, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["invoke", *arguments, "--state", str(cloud.instance.state)])


def test_it_answers_page_by_page(asked: RunningStack) -> None:
    request = {"name": "fraud_found", "parameters": {"as_of": DAY}, "limit": 2}
    first = invoke(asked, "query-sql", "--data", json.dumps(request))
    assert first.exit_code == 0, first.output
    answer = json.loads(first.stdout)
    rest = invoke(asked, "query-sql", "--data", json.dumps({"name": "fraud_found", "page": answer["next_page"]}))
    rows = [tuple(row.values()) for row in (*answer["rows"], *json.loads(rest.stdout)["rows"])]
    assert rows == PROD_ANSWERS["fraud_found"][1]
    assert (answer["parameters"], json.loads(rest.stdout)["next_page"]) == ({"as_of": DAY}, None)


def test_the_command_answers_the_same(asked: RunningStack) -> None:
    arguments = ["query", "sql", "fraud_found", "--param", f"as_of={DAY}", "--format", "json"]
    done = CliRunner().invoke(app, [*arguments, "--state", str(asked.instance.state)])
    assert [tuple(row.values()) for row in json.loads(done.stdout)["rows"]] == PROD_ANSWERS["fraud_found"][1]


def test_it_answers_over_purchases(asked: RunningStack) -> None:
    tenant, day = f"t-{uuid4().hex[:8]}", "1999-01-02"
    item = purchase("c1", tenant) | {"fecha": {"S": f"{day} 10:00:00"}}
    event = {"eventID": tenant, "eventName": "INSERT", "dynamodb": {"NewImage": item}}
    written = invoke(asked, "actualizarComprasStream", "--data", json.dumps({"Records": [event]}))
    assert written.exit_code == 0, written.output
    request = {"name": "compras_changes_per_day", "parameters": {"first_day": day, "last_day": day}}
    done = invoke(asked, "query-sql", "--data", json.dumps(request))
    assert done.exit_code == 0, done.output
    mine = [tuple(row.values()) for row in json.loads(done.stdout)["rows"] if row["tenant_id"] == tenant]
    assert mine == [(tenant, day, 1, 0, 0)]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"name": "nope"}, "unknown_query"),
        ({"name": "fraud_found", "limit": 5000}, "limit_too_high"),
        ([], "bad_request"),
    ],
)
def test_an_error_is_an_answer_and_an_exit_code(asked: RunningStack, request_: object, code: str) -> None:
    done = invoke(asked, "query-sql", "--data", json.dumps(request_))
    assert (done.exit_code, json.loads(done.stdout)["error"]["code"]) == (1, code)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope"], "there is no function `nope`; expected actualizar-compras-stream or "),
        (["query-sql", "--data", "{name"], "--data is no JSON: "),
    ],
)
def test_what_cannot_be_invoked_is_told(asked: RunningStack, arguments: list[str], said: str) -> None:
    done = invoke(asked, *arguments)
    assert done.exit_code == 1
    assert said in " ".join(done.stderr.split())


def test_a_function_that_breaks_is_told(asked: RunningStack) -> None:
    done = invoke(asked, "tickets-ingestion", "--data", '{"Records": 5}')
    assert done.exit_code == 1
    assert "cesta: tickets-ingestion failed: " in " ".join(done.stderr.split())
