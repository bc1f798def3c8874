"""The object of a day is the same, byte for byte, however its changes were cut into pieces."""

from __future__ import annotations

import io
import random
from collections import defaultdict

import pyarrow.parquet as pq
import pytest

from pipeline_assets.compras import pieces
from pipeline_assets.compras.day import DayChanges, changes_of, purchases_of, read_day, read_documents
from pipeline_assets.compras.derived import DERIVED, PARQUET, DerivedTable
from pipeline_assets.events.tenants import TenantId
from tests.worlds.compras_documents import History, random_changes
from tests.worlds.examples import seeds

TENANT, DAY = TenantId("t1"), "2026-11-20"


def joined(derived: DerivedTable, parts: list[DayChanges]) -> bytes:
    file = io.BytesIO()
    derived.join((derived.piece(part)[0] for part in parts), file)
    return file.getvalue()


@pytest.mark.parametrize("seed", seeds(3))
def test_pieces_of_whole_purchases_make_the_same_object(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(pieces, "_ROW_GROUP", 7)
    monkeypatch.setattr(pieces, "_BLOCK", 256)
    history, dice = History(), random.Random(seed)
    random_changes(history, dice, "t1", DAY, 60)
    keys = [each.key for each in history.bucket.objects("compras/")]
    contents = dict(zip(keys, read_documents(history.bucket, keys), strict=True))
    by_purchase: defaultdict[str, list[str]] = defaultdict(list)
    for key, compra in zip(keys, purchases_of(keys, list(contents.values())), strict=True):
        by_purchase[compra or ""].append(key)
    whole = read_day(history.bucket, TENANT, DAY)
    assert sorted(by_purchase.pop("")) == list(whole.left_out)
    parts, order = [], sorted(by_purchase)
    while order:
        cut = dice.randint(1, 4)
        of_part = [key for compra in order[:cut] for key in by_purchase[compra]]
        dice.shuffle(of_part)
        parts.append(changes_of(history.bucket, of_part, [contents[key] for key in of_part]))
        order = order[cut:]
    assert len(parts) > 2
    for derived in DERIVED:
        assert joined(derived, parts) == joined(derived, [whole])
    parquet = pq.ParquetFile(io.BytesIO(joined(PARQUET, parts)))
    assert parquet.num_row_groups == -(-len(whole.documents) // 7)
    assert parquet.read().equals(whole.rows)


@pytest.mark.parametrize("derived", DERIVED, ids=lambda each: each.asset)
def test_a_day_without_changes_is_an_object_without_rows(derived: DerivedTable) -> None:
    nothing = changes_of(History().bucket, [], [])
    assert derived.piece(nothing)[1] == 0
    assert joined(derived, []) == joined(derived, [nothing, nothing])
