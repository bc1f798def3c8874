"""The lake in Dagster: what the functions did is shown, staleness is told at once, and days are worked out again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleCause, StaleStatus
from dagster._core.loader import LoadingContextForTest

from deploy.samples.shop_database import make_sqlite
from deploy.samples.shop_rows import PLANTED_CARD, PLANTED_SSN, shop_rows
from pipeline_assets.curation.assets import curated_asset
from pipeline_assets.curation.publish import raw_objects
from pipeline_assets.curation.requests import request_day, requested_days
from pipeline_assets.curation.stores import CurationSettings, open_stores
from pipeline_assets.datasets.ecommerce import CUSTOMERS, ORDERS
from pipeline_assets.datasets.spec import Rule
from pipeline_assets.definitions import defs
from pipeline_assets.lake.layout import LoadName, RawObject
from pipeline_assets.privacy.leaks import Canaries, scan_bucket, scan_folder, scan_text
from pipeline_assets.raw.assets import export_day
from pipeline_assets.spark.session import check_spark
from pipeline_assets.storage.s3 import S3Bucket
from tests.worlds.dagster_command import contract, materialize, materialize_apart
from tests.worlds.lake import Lake, foreign, load_name
from tests.worlds.shown_checks import shown
from tests.worlds.stack import RunningStack
from tests.worlds.waiting import until

RAW, CURATED, LOADS = dg.AssetKey(["raw", "orders"]), dg.AssetKey(["curated", "orders"]), dg.AssetKey(["lake", "loads"])
#: The daemon ticks every five seconds, and what is made of something is told a tick after it; a busy machine may take
#: longer.
SEEN_WITHIN = 120.0


@pytest.fixture
def lake(stack: RunningStack) -> Lake:
    return Lake(stack)


@pytest.fixture
def instance(stack: RunningStack) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(stack.instance.dagster_home)) as opened:
        yield opened


def loaded(lake: Lake, day: str, orders: Sequence[int], **values: object) -> LoadName:
    """A load of some orders, whole."""
    name = load_name(day)
    rows = [{"order_id": order, **values} for order in orders]
    lake.finish(name, [lake.put_rows(RawObject("orders", day, name.load_id, "0001"), rows)])
    return name


def events(instance: dg.DagsterInstance, key: dg.AssetKey, day: str) -> list[dg.AssetMaterialization]:
    found = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=key, asset_partitions=[day]), limit=100
    ).records
    return [record.asset_materialization for record in found if record.asset_materialization]


def standing(instance: dg.DagsterInstance, day: str, of: dg.Definitions = defs) -> tuple[StaleStatus, list[StaleCause]]:
    graph = of.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    return resolver.get_status(CURATED, day), list(resolver.get_stale_causes(CURATED, day))


def rows_in(instance: dg.DagsterInstance, day: str) -> int:
    """The rows of the curated day by its newest event, 0 where there is none."""
    found = events(instance, CURATED, day)
    return int(str(found[0].metadata["dagster/partition_row_count"].value)) if found else 0


def test_what_the_function_did_is_shown_and_fresh_until_rules_or_data_change(
    lake: Lake, instance: dg.DagsterInstance
) -> None:
    day = "2026-04-01"
    name = loaded(lake, day, [1, 2, 3])
    until(lambda: rows_in(instance, day) == 3, SEEN_WITHIN)
    assert events(instance, RAW, day)
    assert standing(instance, day) == (StaleStatus.FRESH, [])
    first = events(instance, CURATED, day)[0]
    until(lambda: events(instance, LOADS, day), SEEN_WITHIN)
    assert name.load_id in str(lake.marker(name))

    stricter = replace(ORDERS, rules=(*ORDERS.rules, Rule("another", "warn", "anything")))
    changed = dg.Definitions(assets=[export_day, curated_asset(stricter)], resources=defs.resources)
    status, (cause,) = standing(instance, day, changed)
    assert (status, cause.reason) == (StaleStatus.STALE, "has a new code version")

    loaded(lake, day, [3, 4])
    until(lambda: rows_in(instance, day) == 4, SEEN_WITHIN)
    again = events(instance, CURATED, day)[0]
    assert (again.tags or {})["dagster/data_version"] != (first.tags or {})["dagster/data_version"]
    assert standing(instance, day) == (StaleStatus.FRESH, [])

    reloaded = dg.AssetMaterialization(RAW, partition=day, tags={"dagster/data_version": "another"})
    instance.report_runless_asset_event(reloaded)
    status, (cause,) = standing(instance, day)
    assert (status, cause.reason) == (StaleStatus.STALE, "has a new dependency data version")


def test_a_range_of_days_is_worked_out_again_in_one_run_and_the_loads_of_a_bad_day_stay_open(
    stack: RunningStack, lake: Lake, instance: dg.DagsterInstance
) -> None:
    first, bad, last = "2026-04-11", "2026-04-12", "2026-04-13"
    loads = [loaded(lake, day, [1, 2]) for day in (first, last)]
    held = loaded(lake, bad, [1, 2], total=-1)
    for name in loads:
        lake.marker(name)
    until(lambda: rows_in(instance, last) == 2, SEEN_WITHIN)
    before = {day: lake.day("orders", day) for day in (first, last)}

    answer = materialize(stack, "curated/orders", f"{first}...{last}")
    assert answer.exit_code == 0, "a run fails for what it did, not for what it found" + answer.output[-2000:]
    # An object of which every row is rejected is refused as a whole.
    # What the bridge has yet to tell of these days comes after the run, and its checks with it.
    check = until(lambda: shown(instance, "curated/orders", "no_file_refused"), SEEN_WITHIN)
    assert check is not None
    assert not check.passed
    assert f"orders/load={bad}/" in str(check.metadata)
    assert {day: lake.day("orders", day).equals(before[day]) for day in (first, last)} == {first: True, last: True}
    told = {day: events(instance, CURATED, day)[0].metadata for day in (first, bad, last)}
    assert [told[day]["dagster/partition_row_count"].value for day in (first, bad, last)] == [2, 0, 2]
    assert "| total_in_range | 2 | 0 |" in str(told[bad]["broken_rules"].value)
    assert str(told[first]["preview"].value).startswith("| order_id | customer_id |")
    assert str(told[bad]["preview"].value) == "There is no row."
    assert lake.body(lake.curated, held.key) is None

    looked = materialize(stack, "curated/orders,lake/loads", f"{bad}...{bad}")
    assert looked.exit_code == 0, looked.output[-2000:]
    (event,) = events(instance, LOADS, bad)
    assert event.metadata["loads_open"].value == 1
    assert "held" in str(event.metadata["standing"].value)
    assert lake.body(lake.curated, held.key) is None


def test_what_a_day_refers_to_in_vain_is_a_warning(stack: RunningStack, lake: Lake) -> None:
    day = (datetime.now(UTC) - timedelta(days=3)).date().isoformat()
    name = load_name(day)
    orders = [{"order_id": 1, "customer_id": 99_999, "store_id": 1}]
    stores = [{"store_id": 1}]
    lake.finish(
        name,
        [
            lake.put_rows(RawObject("orders", day, name.load_id, "0001"), orders),
            lake.put_rows(RawObject("stores", day, name.load_id, "0001"), stores),
        ],
    )
    lake.marker(name)
    answer = materialize(stack, "curated/orders", f"{day}...{day}")
    assert answer.exit_code == 0, (answer.output[-2000:], answer.exception)
    with dg.DagsterInstance.from_config(str(stack.instance.dagster_home)) as opened:
        key = dg.AssetCheckKey(CURATED, "references")
        found = opened.event_log_storage.get_asset_check_execution_history(key, limit=1)[0]
    evaluation = (
        found.event.dagster_event.asset_check_evaluation_data if found.event and found.event.dagster_event else None
    )
    assert evaluation is not None
    assert not evaluation.passed
    assert "99999" in str(evaluation.metadata["first"].value)


# Every byte of Dagster's storage is looked at, of all tests before it.
@pytest.mark.timeout(600)
def test_no_number_gets_into_dagsters_storage(stack: RunningStack, lake: Lake, instance: dg.DagsterInstance) -> None:
    """The sample shop, whose planted numbers are in its database, exported and worked out by Dagster itself."""
    planted = Canaries((PLANTED_CARD, PLANTED_SSN))
    exported = ("customers", "payments", "query_log")
    # Products and lines of orders, nine tenths of the shop, hold nothing planted, and would only be scanned.
    make_sqlite(stack.instance.source_database, {name: rows for name, rows in shop_rows(2).items() if name in exported})
    assert scan_folder(stack.instance.source_database.parent, planted), "what was planted is found where it is"
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    exported_day = materialize_apart(stack, "raw/customers,raw/payments,raw/query_log", f"{yesterday}...{yesterday}")
    assert exported_day.returncode == 0, exported_day.stderr[-2000:]
    # A file that curation rejects: the reasons go into the metadata of its day.
    bad = [{"customer_id": -1, "ssn": PLANTED_SSN, "first_name": PLANTED_CARD}]
    lake.receipt(lake.put("customers/partner.parquet", foreign(CUSTOMERS, bad), lake.inbox))
    until(lambda: events(instance, dg.AssetKey(["curated", "payments"]), yesterday), SEEN_WITHIN)
    again = materialize_apart(
        stack, "curated/customers,curated/payments,curated/query_log", f"{yesterday}...{yesterday}"
    )
    assert again.returncode == 0, again.stderr[-2000:]
    assert scan_folder(stack.instance.dagster_home, planted) == []
    assert scan_text("what was printed", again.stdout + again.stderr + exported_day.stderr, planted) == []
    buckets = [lake.raw, lake.curated, lake.quarantine]
    assert [finding for bucket in buckets for finding in scan_bucket(S3Bucket(lake.s3, bucket), planted)] == []


def test_a_day_is_worked_out_again_on_spark_and_its_materialization_says_so(
    stack: RunningStack, lake: Lake, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_spark()
    day = "2026-04-21"
    loaded(lake, day, [1, 2, 3])
    until(lambda: rows_in(instance, day) == 3, SEEN_WITHIN)
    before, rows = events(instance, CURATED, day)[0], lake.day("orders", day)
    monkeypatch.setenv("SPARK_ALWAYS", "curated/orders")
    answer = materialize(stack, "curated/orders", f"{day}...{day}")
    assert answer.exit_code == 0, answer.output[-4000:]
    told = events(instance, CURATED, day)[0]
    assert told.metadata["engine"].value == "spark"
    assert (told.tags or {})["dagster/data_version"] == (before.tags or {})["dagster/data_version"]
    assert lake.day("orders", day).equals(rows)


def test_a_day_that_is_asked_for_is_worked_out_by_a_run_and_asked_for_no_more(
    stack: RunningStack, lake: Lake, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = "2026-04-23"
    for variable, value in contract(stack).items():
        monkeypatch.setenv(variable, value)
    name = loaded(lake, day, [1, 2])
    until(lambda: rows_in(instance, day) == 2, SEEN_WITHIN)
    with open_stores(CurationSettings.from_environment()) as stores:
        version = next(iter(raw_objects(ORDERS, day, stores)))
        request_day("orders", day, version, stores)
        until(lambda: not requested_days(stores), 2 * SEEN_WITHIN)
    (run,) = instance.get_runs(dg.RunsFilter(tags={"cesta/asked_for": f"orders/{day}"}))
    until(lambda: instance.get_runs(dg.RunsFilter([run.run_id], statuses=[dg.DagsterRunStatus.SUCCESS])), SEEN_WITHIN)
    assert events(instance, CURATED, day)[0].metadata["engine"].value == "polars"
    assert name.load_id in str(lake.marker(name))
