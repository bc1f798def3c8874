"""The asset graph from end to end: nothing hangs loose, and everything says whose it is and where it is stored."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from pipeline_assets.analytics.prod_set import ProdSet
from pipeline_assets.analytics.sets import SETS
from pipeline_assets.curation.stores import CATALOG
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.definitions import defs
from pipeline_assets.flows import FLOWS, fed_flows
from pipeline_assets.lake.tables import lake_tables
from pipeline_assets.lineage.addresses import bucket_uri, server_uri
from pipeline_assets.lineage.bridge import Place
from pipeline_assets.lineage.places import made_of_in
from pipeline_assets.lineage.policies import GUIDES
from pipeline_assets.queries import cypher, sql

ROOT = Path(__file__).parents[2]
GRAPH = defs.resolve_asset_graph()
ASSETS = sorted(key.to_user_string() for key in GRAPH.get_all_asset_keys())
#: What begins outside of the product: the shop's tables, buckets that others fill, functions that make data.
SOURCES = {
    *(f"shop/{dataset.name}" for dataset in ECOMMERCE),
    *(f"{flow}/bucket" for flow in ("tickets", "inbox")),
    "compras/t_MS3_compras",
    "search/t_MS3_productos",
    *(f"{row.name}/{package.name}" for row in FLOWS for package in row.others),
}
#: What is nowhere stored: functions, and queries and what answers them, which is done when they are asked.
UNSTORED = re.compile(r"stocks/generator-lambda|(sql|cypher|api)/.+")
RAW, CURATED, INBOX = (dg.AssetKey(path) for path in (["raw", "orders"], ["curated", "orders"], ["inbox", "landed"]))


@pytest.mark.parametrize("asset", ASSETS)
class TestEveryAsset:
    def test_comes_from_something_unless_it_begins_outside(self, asset: str) -> None:
        parents = GRAPH.get(dg.AssetKey.from_user_string(asset)).parent_keys
        assert bool(parents) is (asset not in SOURCES)

    def test_is_no_island(self, asset: str) -> None:
        found = GRAPH.get(dg.AssetKey.from_user_string(asset))
        assert found.parent_keys | found.child_keys

    def test_says_whose_it_is_and_what_to_read(self, asset: str) -> None:
        found = GRAPH.get(dg.AssetKey.from_user_string(asset))
        assert found.owners
        assert all(re.fullmatch(r"team:[a-z]+|[^@\s]+@[^@\s]+", owner) for owner in found.owners)
        assert found.description
        assert found.group_name in GUIDES
        assert (ROOT / str(found.metadata["guide"])).is_file()

    def test_has_a_kind_that_dagster_draws(self, asset: str, icons: set[str]) -> None:
        found = GRAPH.get(dg.AssetKey.from_user_string(asset))
        assert 0 < len(found.kinds) <= 3
        assert found.kinds & icons

    def test_says_where_it_is_stored(self, asset: str) -> None:
        metadata = GRAPH.get(dg.AssetKey.from_user_string(asset)).metadata
        stored = {"dagster/uri", "dagster/table_name"} & metadata.keys()
        assert bool(stored) is not bool(UNSTORED.fullmatch(asset))

    def test_names_the_sensor_that_reports_it_if_one_does(self, asset: str) -> None:
        found = GRAPH.get(dg.AssetKey.from_user_string(asset))
        sensors = {f"the sensor {sensor.name}" for sensor in defs.sensors or ()}
        assert ("reported_by" in found.metadata) is ("flow" in found.tags)
        assert found.metadata.get("reported_by", next(iter(sensors))) in sensors
        # What is derived is told by the runs that make it alone.
        assert "flow" in found.tags or not found.is_executable or found.tags["layer"] == "derived"

    def test_refers_to_files_that_are_there(self, asset: str) -> None:
        references = GRAPH.get(dg.AssetKey.from_user_string(asset)).metadata["dagster/code_references"]
        assert isinstance(references, dg.CodeReferencesMetadataValue)
        for reference in references.code_references:
            assert isinstance(reference, dg.LocalFileCodeReference)
            assert Path(reference.file_path).is_relative_to(ROOT)
            assert Path(reference.file_path).is_file()


@pytest.fixture(scope="module")
def icons() -> set[str]:
    """The kinds for which the pages of this Dagster have a picture."""
    pages = files("dagster_webserver") / "webapp" / "build" / "_next" / "static" / "chunks"
    scripts = [path.read_text(encoding="utf-8") for path in pages.iterdir() if path.name.endswith(".js")]
    found = {kind for script in scripts for kind in re.findall(r'[{,]"?([a-z0-9_]+)"?:\{icon:', script)}
    assert len(found) > 100
    assert not {"lambda", "neo4j", "dynamodb"} & found, "which is why they stand beside `aws`"
    return found


def test_nothing_is_listed_that_is_not_derived() -> None:
    """A table, a query or a flow more is in the graph by itself."""
    derived = {
        "shop": {dataset.name for dataset in ECOMMERCE},
        "athena": {table.name for table in lake_tables(CATALOG)} | {prod_set.name for prod_set in SETS},
        "quarantine": {row.name for row in fed_flows()},
        "sql": {query.name for query in sql.queries()},
        "cypher": {query.name for query in cypher.queries()},
    }
    named = [asset.split("/") for asset in ASSETS]
    assert derived == {space: {path[-1] for path in named if path[0] == space} for space in derived}


def origins(asset: dg.AssetKey, column: str) -> set[str]:
    """Where a column comes from, as far as column lineage is told; every column on the way has to be there."""
    metadata = GRAPH.get(asset).metadata
    if "dagster/column_schema" in metadata:
        assert column in {each.name for each in metadata["dagster/column_schema"].columns}, (asset, column)
    lineage = metadata.get("dagster/column_lineage")
    deps = lineage.deps_by_column.get(column, ()) if lineage else ()
    if not deps:
        return {f"{asset.to_user_string()}: {column}"}
    assert {dep.asset_key for dep in deps} <= GRAPH.get(asset).parent_keys
    return {origin for dep in deps for origin in origins(dep.asset_key, dep.column_name)}


@pytest.mark.parametrize("prod_set", SETS, ids=lambda prod_set: prod_set.name)
def test_a_column_of_an_athena_table_leads_to_columns_of_the_shop(prod_set: ProdSet) -> None:
    for table in prod_set.tables:
        for column in table.columns:
            found = origins(dg.AssetKey(["athena", prod_set.name]), f"{table.name}.{column.name}")
            if column.derived_from:
                assert {origin.partition("/")[0] for origin in found} == {"shop"}
            else:
                assert found == {f"prod/{prod_set.name}: {table.name}.{column.name}"}


def test_a_query_comes_from_the_tables_that_it_reads() -> None:
    parents = GRAPH.get(dg.AssetKey(["sql", "top_products"])).parent_keys
    assert {key.to_user_string() for key in parents} == {"athena/products", "athena/orders", "athena/order_lines"}
    parents = GRAPH.get(dg.AssetKey(["sql", "customers_leaving"])).parent_keys
    assert {key.to_user_string() for key in parents} == {"athena/demand-insights-engine"}


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("shop/orders", "sql/daily_sales"),
        ("inbox/bucket", "sql/rejected_by_rule"),
        ("shop/payments", "sql/riskiest_payments"),
        ("tickets/bucket", "cypher/bought-together"),
        ("stocks/generator-lambda", "stocks/StockData"),
        ("stocks/bucket", "quarantine/stocks"),
    ],
)
def test_lineage_goes_from_end_to_end(begin: str, end: str) -> None:
    assert dg.AssetKey.from_user_string(begin) in GRAPH.get_ancestor_asset_keys(dg.AssetKey.from_user_string(end))


def test_what_a_table_refers_to_is_shown_and_is_no_dependency() -> None:
    lines = GRAPH.get(dg.AssetKey(["curated", "order_lines"]))
    assert "| order_id | orders |" in str(lines.metadata["references"].value)
    assert lines.parent_keys == {dg.AssetKey(["raw", "order_lines"])}


class TestAddresses:
    @pytest.mark.parametrize(
        ("held", "shown"),
        [
            pytest.param("mysql://reader:s3cr3t@10.0.0.7:3306/shop", "mysql://10.0.0.7:3306/shop", id="password"),
            pytest.param("mysql://reader:p@ss/w?rd#1@10.0.0.7/shop", "mysql://10.0.0.7/shop", id="password unescaped"),
            pytest.param("mysql://10.0.0.7/shop?password=s3cr3t", "mysql://10.0.0.7/shop", id="option"),
            pytest.param("sqlite:///data/shop.db", "sqlite:///data/shop.db", id="file"),
            pytest.param("bolt://10.0.0.7:7687", "bolt://10.0.0.7:7687", id="nothing to hide"),
            pytest.param("", "$SERVER", id="not set"),
        ],
    )
    def test_a_server_is_shown_without_its_login(self, held: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SERVER", held)
        assert server_uri("SERVER") == shown

    def test_a_bucket_is_shown_by_its_name_or_by_that_of_its_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SOME_BUCKET", raising=False)
        assert bucket_uri("SOME_BUCKET", "a/") == "s3://$SOME_BUCKET/a/"
        monkeypatch.setenv("SOME_BUCKET", "files")
        assert bucket_uri("SOME_BUCKET", "a/") == "s3://files/a/"


SHOWN = """
import json
from pipeline_assets.definitions import defs
graph = defs.resolve_asset_graph()
print(json.dumps({
    key.to_user_string(): {name: str(value) for name, value in graph.get(key).metadata.items()}
    for key in graph.get_all_asset_keys()
}))
"""


def test_a_deployment_shows_its_own_names_pages_of_its_repository_and_no_secret(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "TICKETS_BUCKET": "cesta-prod-tickets",
        "LAKE_DATABASE": "cesta_prod_lake",
        "SOURCE_DATABASE_URL": "mysql://reader:s3cr3t@10.0.0.7:3306/shop",
        "NEO4J_PASSWORD": "s3cr3t",
        "CARD_TOKEN_KEY": "s3cr3t",
        "CODE_URL": "https://github.com/acme/cesta",
        "CODE_BRANCH": "v7",
    }
    done = subprocess.run(
        [sys.executable, "-c", SHOWN], check=False, env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "s3cr3t" not in done.stdout
    assert str(ROOT) not in done.stdout
    shown = json.loads(done.stdout)
    assert "s3://cesta-prod-tickets/" in shown["tickets/landed"]["dagster/uri"]
    assert "cesta_prod_lake.orders" in shown["athena/orders"]["dagster/table_name"]
    assert "mysql://10.0.0.7:3306/shop/orders" in shown["shop/orders"]["dagster/uri"]
    pages = "https://github.com/acme/cesta/tree/v7"
    assert f"{pages}/pipeline_assets/raw/assets.py#L" in shown["raw/orders"]["dagster/code_references"]
    assert f"{pages}/docs/guides/sql.md" in shown["athena/orders"]["dagster/code_references"]
    assert f"{pages}/pipeline_assets/queries/sql/daily_sales.sql" in shown["sql/daily_sales"]["dagster/code_references"]


class TestStaleness:
    """What comes before the product makes nothing stale: nobody tells of it."""

    DAY, OTHER = "2026-03-02", "2026-03-03"

    @pytest.fixture
    def instance(self) -> Iterator[dg.DagsterInstance]:
        with dg.DagsterInstance.ephemeral() as ephemeral:
            yield ephemeral

    def standing(self, instance: dg.DagsterInstance, key: dg.AssetKey, day: str) -> tuple[StaleStatus, list[str]]:
        resolver = CachingStaleStatusResolver(instance, GRAPH, LoadingContextForTest(instance))
        return resolver.get_status(key, day), [cause.reason for cause in resolver.get_stale_causes(key, day)]

    def tell(self, instance: dg.DagsterInstance, key: dg.AssetKey, day: str | None, **tags: str) -> None:
        told = {"dagster/data_version": "v1", **{f"dagster/{name}": value for name, value in tags.items()}}
        instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=day, tags=told))

    def test_a_raw_day_is_fresh_whatever_lands(self, instance: dg.DagsterInstance) -> None:
        self.tell(instance, RAW, self.DAY)
        for day in (self.DAY, self.OTHER):
            self.tell(instance, INBOX, day)
        self.tell(instance, dg.AssetKey(["shop", "orders"]), None)
        assert self.standing(instance, RAW, self.DAY) == (StaleStatus.FRESH, [])

    def test_what_is_told_by_versions_is_made_of_what_is_told(self) -> None:
        made_of = made_of_in(defs.get_repository_def())
        found = {asset: {place.asset for place in made_of(Place(asset, self.DAY))} for asset in ASSETS}
        assert {asset: parents for asset, parents in found.items() if parents} == {
            **{f"curated/{dataset.name}": {f"raw/{dataset.name}"} for dataset in ECOMMERCE},
            "lake/loads": {f"curated/{dataset.name}" for dataset in ECOMMERCE},
            **{key: {"compras/documents"} for key in ("compras/parquet", "compras/csv")},
        }
