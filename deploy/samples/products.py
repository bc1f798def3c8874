"""Products of the sample's three tenants as items of the table of products.

They are of the Complete Journey data, as the purchases are (`deploy.samples.compras`): of each tenant those that its
purchases name most often, and others that its stores sold most often in the year.

=========== =======================================================================================================
attribute   from
=========== =======================================================================================================
tenant_id   as of the purchases
codigo      ``P-<product_id>``, as lines of purchases have it
nombre      product type, its shortened words expanded, and package size; behind a type of one word, and in the place
            of a type that is not there, the English category
descripcion category, package size, brand and department in Spanish, then category and brand in English
categoria   the Spanish name of ``product_category``
precio      what its stores took for it in the year by what they sold, to the cent, at least one
moneda      ``USD``, as the data has it
=========== =======================================================================================================

The data has no names of products, only types: several products of a tenant may be called alike. Spanish names and
expanded words are in `product_categories` and `product_words` beside this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import polars as pl

from deploy.samples.compras import TENANTS
from deploy.samples.product_categories import BRANDS, CATEGORIES, DEPARTMENTS, NO_CATEGORY
from deploy.samples.product_words import package, product_type
from deploy.samples.purchases import sample_folder
from pipeline_assets.events.table import Item

#: Products of each tenant, unless another number is asked for.
EACH: Final = 1_200
#: Of six products of a tenant so many are named by its purchases, where these name as many.
_NAMED_OF_SIX: Final = 5
#: Words are of one kind that begin with the same letters, so many.
_ALIKE: Final = 4


def sample_products(purchases: Iterable[Item], each: int = EACH) -> list[Item]:
    """Items of `each` products of every tenant, the same every time for the same purchases.

    Raises `SampleMissingError` when the extra ``sample`` is not installed, and `ValueError` for more products than a
    tenant's stores sold.
    """
    named = {tenant: Counter[int]() for tenant in TENANTS}
    for purchase in purchases:
        lines = purchase["productos"]["L"]
        codes = (line["M"]["codigo"]["S"] for line in lines)
        named[purchase["tenant_id"]["S"]].update(int(code.removeprefix("P-")) for code in codes)
    sold = _sold()
    found: list[Item] = []
    for number, tenant in enumerate(TENANTS):
        mine = sold.filter(tenant=number).with_columns(
            named=pl.col("product_id").replace_strict(named[tenant], default=0, return_dtype=pl.Int64)
        )
        found += (_item(tenant, product) for product in _chosen(mine, each).iter_rows(named=True))
    return found


def _sold() -> pl.DataFrame:
    """Every product that is known and was sold, by the number of the tenant: how often, and its price in cents."""
    folder = sample_folder()
    kinds = pl.scan_parquet(folder / "products.parquet").with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
    # Whole cents: sums of fractions depend on the order of the addends, and threads have none.
    cents, number = (pl.col("sales_value") * 100).round().cast(pl.Int64).sum(), pl.col("quantity").cast(pl.Int64).sum()
    return (
        pl.scan_parquet(folder / "transactions.parquet")
        .filter(pl.col("quantity") > 0)
        .group_by("product_id", tenant=pl.col("store_id") % len(TENANTS))
        .agg(lines=pl.len(), cents=((2 * cents + number) // (2 * number)).clip(1))
        .join(kinds, on="product_id")
        .collect()
    )


def _chosen(sold: pl.DataFrame, each: int) -> pl.DataFrame:
    """So many products of a tenant: those that its purchases name, then others, the most frequent first."""
    if not 0 < each <= sold.height:
        raise ValueError(f"a tenant of the sample has 1 to {sold.height} products, not {each}.")
    named = sold.filter(pl.col("named") > 0).sort("named", "lines", "product_id", descending=[True, True, False])
    first = named.head(each * _NAMED_OF_SIX // 6)
    others = sold.filter(pl.col("named") == 0).sort("lines", "product_id", descending=[True, False])
    chosen = pl.concat([first, others.head(each - first.height)])
    return pl.concat([chosen, named[first.height : first.height + each - chosen.height]]).sort("product_id")


def _item(tenant: str, product: Mapping[str, Any]) -> Item:
    spanish, english = CATEGORIES.get(product["product_category"], NO_CATEGORY)
    size = package(product["package_size"] or "")
    said = {
        "tenant_id": tenant,
        "codigo": f"P-{product['product_id']}",
        "nombre": " ".join(filter(None, (_name(product["product_type"], english), size))),
        "descripcion": " ".join(_sentences(product, spanish, english, size)),
        "categoria": spanish,
        "moneda": "USD",
    }
    return {**{name: {"S": text} for name, text in said.items()}, "precio": {"N": _plain(product["cents"])}}


def _name(kind: str | None, english: str) -> str:
    name = product_type(kind or "")
    known = any(word[:_ALIKE] == name[:_ALIKE].lower() for word in english.lower().split())
    return f"{name} ({english.lower()})" if name and " " not in name and not known else name or english


def _sentences(product: Mapping[str, Any], spanish: str, english: str, size: str) -> Iterator[str]:
    brand = BRANDS.get(product["brand"], ("", ""))
    department = DEPARTMENTS.get(product["department"], "")
    yield ", ".join(filter(None, (spanish, size, brand[0].lower(), department and f"departamento {department}"))) + "."
    yield ", ".join(filter(None, (english, brand[1]))) + "."


def _plain(cents: int) -> str:
    """Cents as a price in the form in which DynamoDB gives it back."""
    return f"{(Decimal(cents) / 100).normalize():f}"
