"""Columns that the name of a file has are named as those of the file itself are."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from pipeline_assets.datasets.text import clean_column
from pipeline_assets.raw.hive_paths import PathError, columns_of


@pytest.mark.parametrize(
    "name", ["Country", " country ", "%EF%BB%BFcountry", "%C2%A0country", "%EF%BC%A3ountry", "country%00"]
)
def test_a_name_is_cleaned_as_that_of_a_column(name: str) -> None:
    assert columns_of(f"customers/{name}=DE/part.parquet") == {clean_column(unquote(name)): "DE"}


def test_one_of_another_spelling_is_the_same_column() -> None:
    with pytest.raises(PathError, match="country more than once"):
        columns_of("customers/country=DE/%EF%BB%BFCOUNTRY=FR/part.parquet")
