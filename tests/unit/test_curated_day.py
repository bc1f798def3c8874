"""A curated day is one function of its raw objects, against an oracle that looks at rows one by one."""

from __future__ import annotations

import io
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_assets.curation.day import FOOTER_KEY, CuratedDay, DayAccount, curate
from pipeline_assets.curation.read import RawFile
from pipeline_assets.datasets.ecommerce import STORES
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lake.layout import DELETED, RawObject
from pipeline_assets.storage.documents import to_json
from tests.worlds.curation_rows import DAY, rows_of
from tests.worlds.examples import examples

_MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
_LOADS = ("20260302T060000000000Z", "20260302T070000000000Z")


@dataclass(frozen=True)
class Row:
    """A row of a store, or a tombstone of one; a bad one has no key or a country that is none."""

    key: int
    hour: int
    bad: bool


@dataclass(frozen=True)
class Put:
    """A raw object; its key in the bucket is (load, part)."""

    load: str
    part: str
    rows: tuple[Row, ...]

    @property
    def raw(self) -> RawObject:
        return RawObject("stores", DAY, self.load, self.part)

    def frame(self) -> pl.DataFrame:
        if self.part == DELETED:
            keys = [None if row.bad else row.key for row in self.rows]
            moments = [_MIDNIGHT + timedelta(hours=row.hour) for row in self.rows]
            schema = pl.Schema({"store_id": pl.Int64(), "deleted_at": pl.Datetime("us", "UTC")})
            return pl.DataFrame({"store_id": keys, "deleted_at": moments}, schema=schema)
        return rows_of(
            STORES,
            [
                {
                    "store_id": row.key,
                    "updated_at": _MIDNIGHT + timedelta(hours=row.hour),
                    "country": "x" if row.bad else "US",
                }
                for row in self.rows
            ],
        ).drop("_row")


_ROWS = st.lists(
    st.builds(Row, st.integers(1, 4), st.integers(0, 3), st.sampled_from([False, False, False, True])), max_size=6
).map(tuple)
_PUTS = st.dictionaries(
    st.tuples(st.sampled_from(_LOADS), st.sampled_from(["0001", "0002", DELETED])), _ROWS, max_size=6
).map(lambda puts: [Put(*place, rows) for place, rows in puts.items()])


def work_out(puts: list[Put], directory: Path) -> CuratedDay:
    files = []
    for number, put in enumerate(puts):
        path = directory / str(number)
        put.frame().write_parquet(path)
        version = ObjectVersion("raw", put.raw.key, f"v-{put.raw.key}", "e", 1, "2026-03-02T08:00:00.000Z", "")
        files.append(RawFile(version, put.raw, path))
    return curate(STORES, DAY, files)


#: Hour, load, object and row: a total order.
Place = tuple[int, str, str, int]


def oracle(puts: list[Put]) -> tuple[list[tuple[int, bool, str, int]], dict[str, Counter[str]]]:
    """The rows of the day as (key, deleted, object, row), and the outcomes of each object.

    What a load before the last tombstone of its key has read does not count; of the rest the latest row does.
    """
    outcomes: dict[str, Counter[str]] = {put.raw.key: Counter() for put in puts}
    sound = []
    for put in puts:
        for number, row in enumerate(put.rows, 1):
            if row.bad:
                outcomes[put.raw.key]["quarantined"] += 1
            else:
                sound.append((row.key, (row.hour, put.load, put.raw.key, number), put))
    gone = {
        key: max((put.load for each, _, put in sound if each == key and put.raw.deletes), default="")
        for key, *_ in sound
    }

    def rank(key: int, place: Place, put: Put) -> tuple[bool, bool, Place]:
        return (put.load >= gone[key], not put.raw.deletes, place)

    latest = {key: max(rank(*row) for row in sound if row[0] == key)[2] for key, *_ in sound}
    for key, place, put in sound:
        lost = "duplicate" if latest[key][2] == put.raw.key else "superseded"
        outcomes[put.raw.key]["accepted" if latest[key] == place else lost] += 1
    days = [(key, put.raw.deletes, put.raw.key, place[3]) for key, place, put in sound if latest[key] == place]
    return sorted(days), outcomes


@settings(max_examples=examples(60), deadline=None)
@given(_PUTS, st.randoms(use_true_random=False))
def test_a_day_is_what_the_oracle_says_in_whatever_order_its_objects_come(puts: list[Put], random: object) -> None:
    with tempfile.TemporaryDirectory() as name:
        day = work_out(puts, Path(name))
        content = day.rows.collect()
        random.shuffle(puts)  # type: ignore[attr-defined]
        again = work_out(puts, Path(name))
        assert again.rows.collect().equals(content)
    rows, outcomes = oracle(puts)
    found = content.with_columns(pl.col("_source").str.strip_prefix("s3://raw/"))
    assert found.sort("store_id").select("store_id", "_deleted", "_source", "_row").rows() == rows
    for source in day.account.sources:
        counted = {name: number for name, number in source.counts.as_dict().items() if name != "received"}
        assert counted == {**dict.fromkeys(counted, 0), **outcomes[source.key]}
        assert source.counts.conserved
        assert day.rejected[source.id].height == source.counts.quarantined
    assert again.account == day.account


@pytest.mark.parametrize("hour", [1, 2, 3])
def test_a_tombstone_buries_what_was_read_before_it_whatever_the_times(tmp_path: Path, hour: int) -> None:
    gone = (Row(1, 2, bad=False),)
    day = work_out([Put(_LOADS[0], "0001", (Row(1, hour, bad=False),)), Put(_LOADS[1], DELETED, gone)], tmp_path)
    (deleted,) = day.rows.collect().iter_rows(named=True)
    assert (deleted["_deleted"], deleted["_deleted_by"], deleted["name"]) == (True, _LOADS[1], None)
    assert deleted["updated_at"] == _MIDNIGHT + timedelta(hours=2)


@pytest.mark.parametrize("hour", [1, 2, 3])
@pytest.mark.parametrize("load", _LOADS)
def test_what_is_read_afterwards_outdoes_it_whatever_the_times(tmp_path: Path, hour: int, load: str) -> None:
    gone = (Row(1, 2, bad=False),)
    day = work_out([Put(_LOADS[0], DELETED, gone), Put(load, "0001", (Row(1, hour, bad=False),))], tmp_path)
    (row,) = day.rows.collect().iter_rows(named=True)
    # It tells that it was gone before: other days may have an older version of it, with a later time.
    assert (row["_deleted"], row["_deleted_by"], row["name"]) == (False, _LOADS[0], "Shop")


def test_a_day_of_no_objects_is_empty(tmp_path: Path) -> None:
    day = work_out([], tmp_path)
    assert day.rows.collect().is_empty()
    assert day.account.sources == ()


def test_the_account_comes_back_from_the_end_of_the_object(tmp_path: Path) -> None:
    day = work_out([Put(load, part, (Row(1, 1, bad=True),)) for load in _LOADS for part in ("0001", DELETED)], tmp_path)
    path = tmp_path / "part.parquet"
    day.rows.sink_parquet(path, metadata={FOOTER_KEY: to_json(day.account).decode()})
    assert DayAccount.of_parquet(path.read_bytes()[-20_000:]) == day.account
    assert DayAccount.of_parquet(b"no parquet") is None
    day.rows.sink_parquet(path)
    assert DayAccount.of_parquet(path.read_bytes()) is None


def test_an_end_with_flipped_bytes_says_nothing_or_what_it_can() -> None:
    buffer = io.BytesIO()
    pl.DataFrame({"a": [1]}).write_parquet(buffer, metadata={FOOTER_KEY: "{}"})
    whole = buffer.getvalue()
    for place, byte in enumerate(whole):
        # Polars panics at some of these, which is no Exception and would end the process.
        assert DayAccount.of_parquet(whole[:place] + bytes([byte ^ 1]) + whole[place + 1 :]) is None
