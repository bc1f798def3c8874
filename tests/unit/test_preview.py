"""What Dagster shows of rows: a few, and nothing of a person."""

import io
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from pipeline_assets.curation.preview import first_rows
from pipeline_assets.datasets.ecommerce import CUSTOMERS, ECOMMERCE
from pipeline_assets.datasets.spec import impersonal_columns, stored_columns
from pipeline_assets.lake.layout import curated_key
from pipeline_assets.lineage.preview import PREVIEW_ROWS, preview_table
from tests.worlds.memory_storage import MemoryStorage

DAY = "2026-03-02"


@pytest.fixture
def stores() -> Any:
    return SimpleNamespace(curated=MemoryStorage().bucket("curated"))


def put(stores: Any, rows: list[dict[str, Any]]) -> None:
    body = io.BytesIO()
    pl.DataFrame(rows).write_parquet(body)
    stores.curated.put(curated_key("customers", DAY), body.getvalue())


def test_rows_are_shown_without_what_says_something_of_a_person(stores: Any) -> None:
    names = [column.name for column in stored_columns(CUSTOMERS)]
    rows = [{**{name: f"{name} of {number}" for name in names}, "_deleted": number == 1} for number in range(9)]
    put(stores, rows)
    shown = first_rows(CUSTOMERS, DAY, stores, PREVIEW_ROWS)
    assert [row["customer_id"] for row in shown] == [f"customer_id of {number}" for number in (0, 2, 3, 4, 5)]
    assert set(shown[0]) == {
        "customer_id",
        "age_band",
        "income_band",
        "household_size",
        "country",
        "created_at",
        "updated_at",
    }


def test_a_day_from_before_a_column_was_added_is_shown_without_it(stores: Any) -> None:
    put(stores, [{"customer_id": 7, "first_name": "Ada", "_deleted": False}])
    assert first_rows(CUSTOMERS, DAY, stores, PREVIEW_ROWS) == [{"customer_id": 7}]


def test_a_day_without_an_object_or_with_deleted_rows_only_says_so(stores: Any) -> None:
    assert preview_table(first_rows(CUSTOMERS, DAY, stores, PREVIEW_ROWS)) == "There is no row."
    names = [column.name for column in stored_columns(CUSTOMERS)]
    put(stores, [{**dict.fromkeys(names, "x"), "_deleted": True}])
    assert preview_table(first_rows(CUSTOMERS, DAY, stores, PREVIEW_ROWS)) == "There is no row."


@pytest.mark.parametrize("dataset", ECOMMERCE, ids=lambda dataset: dataset.name)
def test_what_is_shown_is_stored(dataset: Any) -> None:
    shown = impersonal_columns(dataset)
    assert set(shown) <= set(stored_columns(dataset))
    assert not [column for column in shown if column.personal != "none"]


def test_a_table_holds_whatever_values_do() -> None:
    rows = [{"a|b": "x\n| y", "long": "z" * 60, "none": None}] * 7
    table = preview_table(rows).splitlines()
    assert table[:3] == ["| a\\|b | long | none |", "|---|---|---|", f"| x \\| y | {'z' * 40}… |  |"]
    assert len(table) == 2 + PREVIEW_ROWS
