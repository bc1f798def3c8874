"""`cesta make sets` on a real bucket and a real ledger."""

from __future__ import annotations

import json
import os

import pytest
from typer.testing import CliRunner, Result

from deploy.cli.main import app
from deploy.local.cloud import CREDENTIALS, REGION
from pipeline_assets.analytics.global_market_pulse.prod_set import GLOBAL_MARKET_PULSE
from pipeline_assets.analytics.retail_copilot.prod_set import RETAIL_COPILOT
from pipeline_assets.analytics.sets import SETS
from pipeline_assets.analytics.tables import bucket_variable
from pipeline_assets.operations.access import Access
from tests.worlds.curated_shop import DAY, days
from tests.worlds.prod_sets import ProdWorld, shop_of

_WEEK_AGO, _DAY_BEFORE = DAY - days(7), DAY - days(8)


@pytest.fixture
def world(bare_cloud: Access, monkeypatch: pytest.MonkeyPatch) -> ProdWorld:
    world = ProdWorld.made(bare_cloud)
    # What a command sets for itself is undone with what is set here.
    monkeypatch.setattr("os.environ", dict(os.environ))
    # What an earlier session has looked up is that of another environment.
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    os.environ.update({name.upper(): value for name, value in CREDENTIALS.items()})
    os.environ.update(AWS_ENDPOINT_URL=bare_cloud.document["endpoint_url"], AWS_DEFAULT_REGION=REGION, NO_PROXY="*")
    os.environ.update(CURATED_BUCKET=world.curated, QUARANTINE_BUCKET=f"{world.name}-quarantine")
    os.environ.update(LEDGER_TABLE=f"{world.name}-ledger", CURATED_QUEUE_URL="none")
    os.environ.update({bucket_variable(each.name): f"{world.name}-{each.name}" for each in SETS})
    return world


def make(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["make", "sets", "--from-env", *arguments])


def outcomes(done: Result) -> list[tuple[str, str, str]]:
    return [(each["set"], each["as_of"], each["outcome"]) for each in json.loads(done.stdout)]


def test_sets_of_a_day_are_made_once_and_known_by_their_receipts(world: ProdWorld) -> None:
    world.put(shop_of())
    world.complete(_WEEK_AGO)
    world.complete(DAY)
    done = make("--json")
    assert done.exit_code == 0, done.output
    assert outcomes(done) == [(each.name, DAY.isoformat(), "made") for each in SETS], "of the newest complete load"
    for each, told in zip(SETS, json.loads(done.stdout), strict=True):
        manifest = world.manifest(each, DAY)
        assert manifest
        assert told["rows"] == sum(table.rows for table in manifest.tables.values())
        assert world.stores().ledger.account(each.asset, DAY.isoformat()).counts.accepted == told["rows"]
    assert sum(told["rows"] for told in json.loads(done.stdout)) > 0
    assert {outcome for _, _, outcome in outcomes(make("--json"))} == {"already there"}
    assert [world.published(each, DAY) for each in SETS] == [1] * 5
    assert outcomes(make("retail-copilot", "--anew", "--json")) == [("retail-copilot", DAY.isoformat(), "made")]
    assert world.published(RETAIL_COPILOT, DAY) == 2


def test_days_of_a_range_are_made_each_of_what_was_loaded_by_then(world: ProdWorld) -> None:
    world.put(shop_of())
    for day in (_DAY_BEFORE, _WEEK_AGO, DAY):
        world.complete(day)
    done = make("global-market-pulse", "retail-copilot", "--days", f"{_WEEK_AGO}..{DAY}", "--every", "7", "--json")
    assert done.exit_code == 0, done.output
    assert outcomes(done) == [
        (name, day.isoformat(), "made")
        for day in (_WEEK_AGO, DAY)
        for name in ("global-market-pulse", "retail-copilot")
    ]
    assert world.published(GLOBAL_MARKET_PULSE, _DAY_BEFORE) == 0
    # What was made for many days in one go is what is made for one alone.
    earlier = world.rows(GLOBAL_MARKET_PULSE, "regional_index", _WEEK_AGO)
    assert make("global-market-pulse", "--day", _WEEK_AGO.isoformat(), "--anew").exit_code == 0
    assert world.published(GLOBAL_MARKET_PULSE, _WEEK_AGO) == 2
    assert world.rows(GLOBAL_MARKET_PULSE, "regional_index", _WEEK_AGO).equals(earlier)
    assert earlier.height > 0


def test_what_cannot_be_made_is_told_and_keeps_nothing_else_from_being_made(world: ProdWorld) -> None:
    world.put(shop_of(log=False))
    world.complete(DAY, query_log=3)
    done = make("global-market-pulse", "retail-copilot", "--days", f"{DAY - days(1)}..{DAY}")
    assert done.exit_code == 1
    said = " ".join(done.output.split())
    assert f"retail-copilot as of {DAY - days(1)} refused: no load of the day is complete" in said
    assert f"retail-copilot as of {DAY} refused: the lake lacks curated/query_log of {DAY}" in said
    assert "4 sets: 3 refused, 1 made" in said
    assert world.published(GLOBAL_MARKET_PULSE, DAY) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param(["pulse"], "there is no set pulse", id="unknown set"),
        pytest.param(["--day", "2026-13-01"], "--day 2026-11-20", id="no day"),
        pytest.param([], "no load is complete yet", id="empty lake"),
    ],
)
@pytest.mark.usefixtures("world")
def test_what_cannot_be_meant_is_a_sentence(arguments: list[str], sentence: str) -> None:
    done = make(*arguments)
    assert done.exit_code == 1
    assert sentence in " ".join(done.output.split())
