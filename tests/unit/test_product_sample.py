"""Sample products: three tenants, those that their purchases name, words that people read in two languages."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from deploy.samples.compras import TENANTS, sample_compras
from deploy.samples.product_categories import CATEGORIES, DEPARTMENTS
from deploy.samples.product_words import package, product_type
from deploy.samples.products import EACH, sample_products
from deploy.samples.purchases import sample_folder

TODAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def purchases() -> list[dict[str, Any]]:
    return sample_compras(14, today=TODAY)


@pytest.fixture(scope="module")
def products(purchases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sample_products(purchases)


def test_each_tenant_has_a_thousand_products_of_its_purchases_and_others(
    purchases: list[dict[str, Any]], products: list[dict[str, Any]]
) -> None:
    assert Counter(each["tenant_id"]["S"] for each in products) == dict.fromkeys(TENANTS, EACH)
    for tenant in TENANTS:
        codes = [each["codigo"]["S"] for each in products if each["tenant_id"]["S"] == tenant]
        named = {
            line["M"]["codigo"]["S"]
            for each in purchases
            if each["tenant_id"]["S"] == tenant
            for line in each["productos"]["L"]
        }
        assert len(set(codes)) == EACH
        assert len(named.intersection(codes)) == 1_000


def test_the_same_purchases_give_the_same_products(
    purchases: list[dict[str, Any]], products: list[dict[str, Any]]
) -> None:
    assert sample_products(purchases) == products
    with pytest.raises(ValueError, match=r"a tenant of the sample has 1 to \d+ products, not 1000000"):
        sample_products([], 1_000_000)


def test_every_category_and_department_of_the_source_has_its_names_and_no_other_has(
    products: list[dict[str, Any]],
) -> None:
    table = pl.read_parquet(sample_folder() / "products.parquet", columns=["product_category", "department"])
    assert set(table["product_category"].cast(pl.String).drop_nulls()) == set(CATEGORIES)
    assert set(table["department"].cast(pl.String).drop_nulls()) == set(DEPARTMENTS)
    spanish, english = zip(*CATEGORIES.values(), strict=True)
    assert len(set(spanish)) == len(set(english)) == len(CATEGORIES)
    assert {each["categoria"]["S"] for each in products} <= {*spanish, "Otros"}


def test_names_are_readable_and_prices_are_exact(products: list[dict[str, Any]]) -> None:
    for each in products:
        name, description = each["nombre"]["S"], each["descripcion"]["S"]
        assert name[0].isupper() or name[0].isdigit(), name
        assert name != name.upper() or not any(letter.isalpha() for letter in name), name
        assert description.startswith(each["categoria"]["S"])
        price = Decimal(each["precio"]["N"])
        assert price >= Decimal("0.01")
        assert price == price.quantize(Decimal("0.01"))
        assert each["moneda"] == {"S": "USD"}
    names = {each["nombre"]["S"].split(" ")[0] for each in products}
    assert not names & {"Frzn", "Sft", "Dnrs", "Refrig"}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("FRZN ICE", "Frozen ice"),
        ("FRZN SS PREMIUM ENTREES/DNRS/N", "Frozen single-serve premium entrees/dinners"),
        ("SFT DRNK 2 LITER BTL CARB INCL", "Soft drinks 2 liter bottle carbonated"),
        ("CANDY BARS (SINGLES)(INCLUDING", "Candy bars"),
        ("CHIPS&SNACKS", "Chips and snacks"),
        ("MEXICAN SAUCESSALSAPICANTEE", "Mexican sauces, salsa and picante"),
        ("LOREAL COSMETICS", "L'Oréal cosmetics"),
        ("A", "A"),
    ],
)
def test_product_types_are_written_out(source: str, said: str) -> None:
    assert product_type(source) == said


def test_package_sizes_have_units_as_people_write_them() -> None:
    assert [package(size) for size in ("16 OZ", "1.5 L", "")] == ["16 oz", "1.5 l", ""]
