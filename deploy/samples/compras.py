"""Real purchases as items of the table of purchases, for three tenants, and how they get into it.

The purchases are those of `deploy.samples.purchases`, moved in time as there. The stores are shared out among three
tenants, a purchase belongs to that of its store:

=============== ===================================================================================================
attribute       from
=============== ===================================================================================================
tenant_id       the remainder of the store's number divided by three, which gives each a like share
compra_id       ``C-<basket_id>``
user_id         ``U-<household_id>``
fecha           ``transaction_timestamp``, moved by whole weeks
codigo          ``P-<product_id>``
nombre          product type and package size; without a type the category, then the department stands in its place
precio_unitario sales value divided by quantity, to four places, since fuel is sold by the thousandth of a gallon
cantidad        as it stands; lines of quantity 0, which are coupons and deposits, are left out
=============== ===================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from deploy.samples.purchases import FIRST_DAY, cut_and_shift, sample_folder
from pipeline_assets.events.table import Item, Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TENANTS: Final = ("tienda_norte", "tienda_centro", "tienda_sur")
#: Purchases of each tenant, unless another number is asked for.
EACH: Final = 600
#: What is written before it is told.
_BATCH: Final = 100
_FOUR_PLACES: Final = Decimal("0.0001")


def sample_compras(days: int, each: int = EACH, *, today: date | None = None, weeks_moved: bool = True) -> list[Item]:
    """Items of `each` purchases of every tenant in the order of time, the same every time for the same `today`.

    They are spread evenly over the last `days` days before `today`, by default today in UTC, and over more days where
    these have too few. Without `weeks_moved` they keep their dates of 2017. Raises `SampleMissingError` when the extra
    ``sample`` is not installed, and `ValueError` for more purchases than there are.
    """
    newest, weeks = cut_and_shift((today or datetime.now(UTC).date()) if weeks_moved else None)
    baskets = _baskets(newest)
    chosen = pl.concat([_spread(baskets.filter(tenant=number), newest, days, each) for number in range(len(TENANTS))])
    lines = _lines(chosen, timedelta(weeks=weeks))
    return [_item(basket) for basket in lines.iter_rows(named=True)]


def write_items(
    dynamodb: DynamoDBClient, table: str, items: Iterable[Item], *, written: Callable[[int], object] = bool
) -> int:
    """Put items into a table of the sample in batches, replacing those of the same key; returns how many.

    What DynamoDB does not take at once is put again with growing rests; `written` is told the size of each batch.
    Raises `TransientError` when it takes nothing any more: doing all of it again is right.
    """
    total, left, writing = 0, iter(items), Table(dynamodb, table)
    while batch := list(islice(left, _BATCH)):
        writing.put_all(batch)
        written(len(batch))
        total += len(batch)
    return total


def unlike_held(
    dynamodb: DynamoDBClient, table: str, items: Iterable[Item], key: tuple[str, str] = ("tenant_id", "compra_id")
) -> list[Item]:
    """Those of the items that the table does not hold as they are: what its stream will tell of them.

    `key` has the names of its key attributes, those of purchases unless given.
    """

    def of(item: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(item[name]["S"] for name in key)

    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    held = {of(item): item for page in pages for item in page["Items"]}
    return [item for item in items if held.get(of(item)) != item]


def _baskets(newest: date) -> pl.DataFrame:
    """Every purchase with a line that counts, up to a day of the data: its id, its time and its tenant's number."""
    sold_at = pl.col("transaction_timestamp")
    return (
        pl.scan_parquet(sample_folder() / "transactions.parquet")
        .filter(sold_at.dt.date().is_between(FIRST_DAY, newest), pl.col("quantity") > 0)
        .group_by("basket_id")
        .agg(at=sold_at.first(), tenant=pl.col("store_id").first() % len(TENANTS))
        .sort("at", "basket_id")
        .collect()
    )


def _spread(baskets: pl.DataFrame, newest: date, days: int, each: int) -> pl.DataFrame:
    """So many purchases of a tenant, evenly taken from the last days, the newest among them."""
    oldest = newest - timedelta(days=days - 1)
    near = baskets.filter(pl.col("at").dt.date() >= oldest)
    if near.height < each:
        near = baskets.tail(each)
    if not 0 < each <= near.height:
        raise ValueError(f"a tenant of the sample has 1 to {baskets.height} purchases, not {each}.")
    return near[[near.height - 1 - number * near.height // each for number in range(each)]]


def _lines(chosen: pl.DataFrame, shift: timedelta) -> pl.DataFrame:
    """The chosen purchases in the order of time, each with its lines."""
    name = pl.concat_str(
        pl.coalesce("product_type", "product_category", "department"), "package_size", separator=" ", ignore_nulls=True
    )
    folder = sample_folder()
    products = pl.scan_parquet(folder / "products.parquet").select(
        "product_id", nombre=name.str.replace_all(r"\s+", " ").str.strip_chars()
    )
    line = pl.struct("product_id", "nombre", "quantity", cents=(pl.col("sales_value") * 100).round().cast(pl.Int64))
    return (
        pl.scan_parquet(folder / "transactions.parquet")
        .filter(pl.col("quantity") > 0)
        .join(chosen.lazy(), on="basket_id")
        .join(products, on="product_id", how="left")
        .sort("at", "basket_id", "product_id")
        .with_columns(fecha=(pl.col("at") + shift).dt.strftime("%Y-%m-%d %H:%M:%S"))
        .group_by("basket_id", "tenant", "household_id", "fecha", maintain_order=True)
        .agg(lines=line)
        .collect()
    )


def _item(basket: Mapping[str, Any]) -> Item:
    return {
        "tenant_id": {"S": TENANTS[basket["tenant"]]},
        "compra_id": {"S": f"C-{basket['basket_id']}"},
        "user_id": {"S": f"U-{basket['household_id']}"},
        "fecha": {"S": basket["fecha"]},
        "productos": {"L": list(_productos(basket["lines"]))},
    }


def _productos(lines: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for line in lines:
        price = Decimal(line["cents"]).scaleb(-2) / line["quantity"]
        yield {
            "M": {
                "codigo": {"S": f"P-{line['product_id']}"},
                "nombre": {"S": line["nombre"] or f"UNKNOWN PRODUCT #{line['product_id']}"},
                "precio_unitario": {"N": _plain(price.quantize(_FOUR_PLACES, ROUND_HALF_UP))},
                "cantidad": {"N": str(line["quantity"])},
            }
        }


def _plain(number: Decimal) -> str:
    """The number as DynamoDB gives it back: without zeros behind its point."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
