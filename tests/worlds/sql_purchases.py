"""A few documents of purchases for the tests of SQL, and what each query answers over them, worked out by hand."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PURCHASES = "sql-compras"
DAY = date.fromisoformat


def document(compra: str, fecha: str, user: str | None, event: str, *lines: tuple[str, str, int], total: str) -> str:
    """A document; a line is code, price and quantity, and the name of a product is its code in lower case."""
    products = ",".join(
        f'{{"codigo":"{code}","nombre":"{code.lower()}","precio_unitario":{price},"cantidad":{quantity}}}'
        for code, price, quantity in lines
    )
    summary = {"total_productos": len(lines), "total_cantidad": sum(line[2] for line in lines)}
    numbers = json.dumps(summary)[:-1]
    metadata = {"event_name": event, "processed_at": f"{fecha[:10]}T23:00:00.000Z"}
    return (
        f'{{"compra_id":"{compra}","user_id":{json.dumps(user)},"tenant_id":"x","fecha":"{fecha}",'
        f'"productos":[{products}],"resumen":{numbers},"total_precio":{total},"moneda":"USD"}},'
        f'"metadata":{json.dumps(metadata)}}}'
    )


def put_purchases(s3: S3Client) -> None:
    """Put the documents into their bucket, which is made."""
    s3.create_bucket(Bucket=PURCHASES)
    first, second = "2026-03-01 09:00:00", "2026-03-02 10:00:00"
    documents = {
        "t1/2026/03/01/insert_c1_20260301_090000": document(
            "c1", first, "u1", "INSERT", ("P1", "2.5", 2), ("P2", "0.1", 3), total="5.30"
        ),
        "t1/2026/03/01/modify_c1_20260301_090500": document(
            "c1", first, "u1", "MODIFY", ("P1", "2.5", 4), total="10.00"
        ),
        "t1/2026/03/01/insert_c2_20260301_090000": document("c2", first, "u2", "INSERT", ("P1", "9", 9), total="81.00"),
        "t1/2026/03/01/remove_c2_20260302_080000": document("c2", first, "u2", "REMOVE", ("P1", "9", 9), total="81.00"),
        "t1/2026/03/02/insert_c3_20260302_100000": document(
            "c3", second, None, "INSERT", ("P2", "0.1", 3), total="0.30"
        ),
        "t2/2026/03/01/insert_c1_20260301_090000": document("c1", first, "u1", "INSERT", ("P9", "1", 1), total="1.00"),
    }
    for name, body in documents.items():
        s3.put_object(Bucket=PURCHASES, Key=f"compras/{name}.json", Body=body.encode())


_DAYS = {"first_day": DAY("2026-03-01"), "last_day": DAY("2026-03-02")}
_MONEY = Decimal
#: Parameters and rows.
PURCHASE_ANSWERS: dict[str, tuple[dict[str, Any], list[tuple[Any, ...]]]] = {
    "compras_best_sellers": (
        _DAYS | {"limit": 1},
        [
            ("t1", "USD", 1, "P1", "p1", 1, Decimal(4), _MONEY("10.00")),
            ("t2", "USD", 1, "P9", "p9", 1, Decimal(1), _MONEY("1.00")),
        ],
    ),
    "compras_changes_per_day": (
        _DAYS,
        [("t1", DAY("2026-03-01"), 2, 1, 0), ("t1", DAY("2026-03-02"), 1, 0, 1), ("t2", DAY("2026-03-01"), 1, 0, 0)],
    ),
    "compras_daily": (
        _DAYS,
        [
            (
                "t1",
                DAY("2026-03-01"),
                "USD",
                1,
                1,
                Decimal(4),
                *(_MONEY("10.00"), 10.0, _MONEY("10.00"), _MONEY("10.00")),
            ),
            ("t1", DAY("2026-03-02"), "USD", 1, 0, Decimal(3), *(_MONEY("0.30"), 0.3, _MONEY("0.30"), _MONEY("10.30"))),
            ("t2", DAY("2026-03-01"), "USD", 1, 1, Decimal(1), *(_MONEY("1.00"), 1.0, _MONEY("1.00"), _MONEY("1.00"))),
        ],
    ),
    "compras_recent": (
        {"first_day": DAY("2026-03-01"), "limit": 2},
        [
            ("2026-03-02 10:00:00", "t1", "c3", None, _MONEY("0.30"), "USD", "P2", "p2", Decimal("0.1"), Decimal(3)),
            ("2026-03-01 09:00:00", "t1", "c1", "u1", _MONEY("10.00"), "USD", "P1", "p1", Decimal("2.5"), Decimal(4)),
        ],
    ),
}
