"""`cesta query sql` over a lake, and the catalogue in which Athena finds its days."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner, Result

from deploy.cli.console import UNREAD
from deploy.cli.main import app
from deploy.local.cloud import CREDENTIALS, REGION
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.lake.tables import GlueCatalog
from pipeline_assets.operations.access import Access
from pipeline_assets.queries.sql import queries
from tests.worlds.lake_days import put_day
from tests.worlds.sql import (
    CURATED,
    QUARANTINE,
    customer,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from tests.worlds.stack import RunningStack


class TestCommand:
    """`cesta query sql`, over the lake that the environment names and over that of an instance."""

    @pytest.fixture(autouse=True)
    def environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # What a command sets for itself is undone with what is set here.
        monkeypatch.setattr("os.environ", dict(os.environ))

    def asked(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["query", "sql", *arguments])

    @pytest.fixture
    def lake(self, bare_cloud: Access, s3: S3Client) -> None:
        assert s3
        credentials = {name.upper(): value for name, value in CREDENTIALS.items()}
        os.environ.update(credentials, AWS_ENDPOINT_URL=bare_cloud.document["endpoint_url"], AWS_REGION=REGION)
        os.environ.update(SQL_ENGINE="duckdb", CURATED_BUCKET=CURATED, QUARANTINE_BUCKET=QUARANTINE, NO_PROXY="*")
        os.environ.update(AWS_DEFAULT_REGION=REGION)

    @pytest.mark.usefixtures("lake")
    def test_an_answer_is_a_table_with_what_it_took(self) -> None:
        done = self.asked(
            "daily_sales", "--from-env", "--param", "first_day=2026-03-01", "--param", "last_day=2026-03-01"
        )
        assert done.exit_code == 0, done.output
        assert re.search(r"2026-03-01 │ USD\s+│ +2 │ +2 │ +17\.56 │ +8\.78", done.stdout)
        assert re.search(
            r"2 rows, [\d,]+ bytes scanned, \d+\.\d\d s; by Athena's price list 0\.000048 USD", done.stdout
        )

    @pytest.mark.usefixtures("lake")
    def test_an_answer_is_csv_alone_for_a_program(self) -> None:
        done = self.asked("customers_by_country", "--from-env", "--format", "csv", "--param", "as_of=2026-03-02")
        assert done.stdout == "country,customers,persons\nMX,2,2\n"
        assert "bytes scanned" in done.stderr

    @pytest.mark.usefixtures("lake")
    @pytest.mark.parametrize("form", ["table", "csv", "json"])
    def test_an_answer_that_nobody_reads_to_its_end_is_no_failure(self, form: str) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        command = [sys.executable, "-c", "from deploy.cli.main import app; app()", "query", "sql", "rejected_by_rule"]
        arguments = [
            "--from-env",
            "--format",
            form,
            "--param",
            "first_day=2026-03-01",
            "--param",
            "last_day=2026-03-02",
        ]
        done = subprocess.run(
            [*command, *arguments], stdout=writing, stderr=subprocess.PIPE, env=dict(os.environ), text=True, check=False
        )
        os.close(writing)
        assert done.returncode == UNREAD
        assert "cesta:" not in done.stderr

    @pytest.mark.usefixtures("lake")
    def test_an_answer_is_json_with_everything(self) -> None:
        done = self.asked("customers_by_country", "--from-env", "--format", "json", "--param", "as_of=2026-03-02")
        document = json.loads(done.stdout)
        assert document["rows"] == [{"country": "MX", "customers": 2, "persons": 2}]
        assert document["columns"][0] == {"name": "country", "type": "varchar"}
        assert document["parameters"] == {"as_of": "2026-03-02"}
        assert document["scanned_bytes"] > 0
        assert document["cost_usd"] == pytest.approx(10 * 5 / 2**20)

    def test_queries_are_listed(self) -> None:
        document = json.loads(self.asked("--format", "json").stdout)
        assert [one["name"] for one in document] == [one.name for one in queries()]
        defaults = {one["name"]: one["parameters"].get("as_of", {}).get("default") for one in document}
        assert (defaults["customers_by_country"], defaults["alerts_by_day"]) == ("today", "newest")

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["nope"], "There is no query `nope`; there are `alerts_by_day`, `compras_best_sellers`"),
            (["daily_sales", "--param", "day=1"], "has no parameter `day`; it takes `first_day`, `last_day`"),
            (["daily_sales", "--param", "last_day"], "--param last_day is not of the form NAME=VALUE"),
            (["top_products", "--param", "limit=2147483648"], "a whole number from 1 to 2147483647, not 2147483648"),
            (["top_products", "--param", "limit=0"], "`limit` must be a whole number from 1 to 2147483647, not 0"),
        ],
    )
    @pytest.mark.usefixtures("lake")
    def test_what_cannot_be_asked_is_told_in_a_sentence(self, arguments: list[str], sentence: str) -> None:
        done = self.asked(*arguments, "--from-env")
        assert done.exit_code == 1
        assert sentence in " ".join(done.stderr.split())

    @pytest.mark.any_engine
    def test_an_instance_is_asked_by_its_state_directory(self, cloud: RunningStack) -> None:
        rows = [customer(1, "FR"), customer(2, "FR")]
        put_day(cloud.access.s3, cloud.access.bucket("curated"), "customers", "2016-01-01", rows)
        where = ["--state", str(cloud.instance.state), "--param", "as_of=2016-01-01", "--format", "csv"]
        assert self.asked("customers_by_country", *where).stdout == "country,customers,persons\nFR,2,4\n"


class TestCatalogue:
    def test_a_day_is_registered_once_however_many_do_it_at_once(self, bare_cloud: Access) -> None:
        glue = bare_cloud.client("glue")
        glue.create_database(DatabaseInput={"Name": "registered_days"})
        buckets: Any = {"curated": CURATED, "quarantine": QUARANTINE}

        def register(_: int) -> None:
            GlueCatalog(glue, "registered_days", buckets, ECOMMERCE).register("orders", "2026-03-01")

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(register, range(24)))
        (day,) = glue.get_partitions(DatabaseName="registered_days", TableName="orders")["Partitions"]
        (rejected,) = glue.get_partitions(DatabaseName="registered_days", TableName="rejected_rows")["Partitions"]
        assert day["Values"] == ["2026-03-01"]
        assert rejected["Values"] == ["orders", "2026-03-01"]
        assert day["StorageDescriptor"]["Location"] == f"s3://{CURATED}/orders/date=2026-03-01/"
