"""The lake as of a day, against an oracle that looks at the curated rows one by one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_assets.curation.day import curate
from pipeline_assets.curation.publish import write_day
from pipeline_assets.curation.read import RawFile
from pipeline_assets.curation.stores import CATALOG
from pipeline_assets.datasets.ecommerce import STORES
from pipeline_assets.errors import TerminalError
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lake.as_of import RewrittenError, doubtful_keys, lake_as_of, standing_rows
from pipeline_assets.lake.layout import DELETED, RawObject, curated_key
from pipeline_assets.storage.bucket import Version, pass_on
from tests.worlds.curation_rows import rows_of
from tests.worlds.examples import examples
from tests.worlds.memory_storage import MemoryBucket

_FIRST = date(2026, 3, 2)
_DAYS = [_FIRST + timedelta(days=number) for number in range(4)]
_NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Put:
    """A raw object of a load day: stores with the hour of their change, or the keys of stores that are gone.

    `load` is the hour at which the load began, counted over all days: a correction of an early day has a late one.
    """

    day: date
    load: int
    deletes: bool
    stores: tuple[tuple[int, int], ...]

    @property
    def raw(self) -> RawObject:
        began = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(hours=self.load)
        part = DELETED if self.deletes else "0001"
        return RawObject("stores", self.day.isoformat(), f"{began:%Y%m%dT%H%M%S%f}Z", part)

    def write(self, path: Path) -> None:
        if self.deletes:
            schema = pl.Schema({"store_id": pl.Int64(), "deleted_at": pl.Datetime("us", "UTC")})
            rows = [{"store_id": key, "deleted_at": _NOON + timedelta(hours=hour)} for key, hour in self.stores]
            pl.DataFrame(rows, schema=schema).write_parquet(path)
            return
        changes = [
            {"store_id": key, "updated_at": _NOON + timedelta(hours=hour), "name": f"{self.raw.load_id}-{number}"}
            for number, (key, hour) in enumerate(self.stores)
        ]
        rows_of(STORES, changes).drop("_row").write_parquet(path)


_PUTS = st.lists(
    st.builds(
        Put,
        st.sampled_from(_DAYS),
        st.integers(0, 96),
        st.booleans(),
        st.lists(st.tuples(st.integers(1, 3), st.integers(-3, 3)), min_size=1, max_size=4).map(tuple),
    ),
    max_size=8,
    unique_by=lambda put: put.raw.key,
)


def lake_of(puts: list[Put]) -> MemoryBucket:
    """A bucket with the curated days of raw objects."""
    bucket = MemoryBucket("curated")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for day in sorted({put.day for put in puts}):
            files = []
            for number, put in enumerate(each for each in puts if each.day == day):
                put.write(folder / str(number))
                version = ObjectVersion("raw", put.raw.key, "v", "e", 1, "2026-03-02T08:00:00.000Z", "")
                files.append(RawFile(version, put.raw, folder / str(number)))
            bucket.put(
                curated_key("stores", day.isoformat()), write_day(curate(STORES, day.isoformat(), files), folder)
            )
    return bucket


def rows_in(bucket: MemoryBucket) -> Iterator[tuple[date, dict[str, object]]]:
    for listed in bucket.objects("stores/"):
        day = date.fromisoformat(listed.key.split("=")[1][:10])
        content = bucket.read(listed.key)
        assert content is not None
        yield from ((day, row) for row in pl.read_parquet(content).iter_rows(named=True))


def oracle(bucket: MemoryBucket, until: date) -> dict[object, object]:
    """The name of each store that stands at the end of a day."""
    standing: dict[object, tuple[tuple[object, ...], object]] = {}
    known = [row for day, row in rows_in(bucket) if day <= until]
    gone: dict[object, str] = {}
    for row in known:
        gone[row["store_id"]] = max(gone.get(row["store_id"], ""), str(row["_deleted_by"] or ""))
    for row in known:
        if row["_deleted"] or str(row["_load_id"]) < gone[row["store_id"]]:
            continue
        rank = tuple(row[name] for name in ("updated_at", "_load_id", "_source", "_row"))
        if row["store_id"] not in standing or rank > standing[row["store_id"]][0]:
            standing[row["store_id"]] = (rank, row["name"])
    return {key: name for key, (_, name) in standing.items()}


def read(bucket: MemoryBucket, until: date) -> dict[object, object]:
    with lake_as_of(until, bucket, CATALOG) as lake:
        return dict(lake.table("stores").select("store_id", "name").to_native().fetchall())


@settings(max_examples=examples(50), deadline=None)
@given(_PUTS, st.sampled_from(_DAYS))
def test_a_table_as_of_a_day_is_what_the_oracle_says_on_each_engine(puts: list[Put], until: date) -> None:
    bucket = lake_of(puts)
    expected = oracle(bucket, until)
    assert read(bucket, until) == expected
    frames = [pl.read_parquet(content) for _, content in _until(bucket, until)]
    if frames:
        rows = nw.from_native(pl.concat(frames))
        standing: pl.DataFrame = standing_rows(rows, doubtful_keys(rows, STORES), STORES).to_native()
        assert dict(standing.select("store_id", "name").iter_rows()) == expected


def _until(bucket: MemoryBucket, until: date) -> list[tuple[str, bytes]]:
    last = curated_key("stores", until.isoformat())
    return [(each.key, bucket.read(each.key) or b"") for each in bucket.objects("stores/") if each.key <= last]


@settings(max_examples=examples(25), deadline=None)
@given(_PUTS, _PUTS, st.sampled_from(_DAYS))
def test_what_is_loaded_on_later_days_changes_nothing(puts: list[Put], future: list[Put], until: date) -> None:
    later = [put for put in future if put.day > until]
    assert read(lake_of([*puts, *later]), until) == read(lake_of(puts), until)


def test_an_early_row_that_arrives_late_is_not_known_before() -> None:
    early = Put(_DAYS[0], 10, deletes=False, stores=((1, 0),))
    late = Put(_DAYS[2], 60, deletes=False, stores=((2, -3),))
    gone = Put(_DAYS[3], 80, deletes=True, stores=((1, 0),))
    bucket = lake_of([early, late, gone])
    assert [sorted(read(bucket, day), key=str) for day in _DAYS] == [[1], [1], [1, 2], [2]]


def test_days_alone_that_are_needed_are_fetched() -> None:
    bucket = _Counting("curated")
    whole = lake_of([Put(day, 10 + number, deletes=False, stores=((number, 0),)) for number, day in enumerate(_DAYS)])
    for each in whole.objects(""):
        bucket.put(each.key, whole.read(each.key) or b"")
    with lake_as_of(_DAYS[1], bucket, CATALOG) as lake:
        assert bucket.fetched == []
        assert lake.table("orders").to_native().fetchall() == []
        lake.table("stores")
        assert sorted(key.split("=")[1][:10] for key in bucket.fetched) == [day.isoformat() for day in _DAYS[:2]]
        assert [each.key for each in lake.days("stores")] == sorted(bucket.fetched)
        lake.table("stores")
        assert len(bucket.fetched) == 2


class _Counting(MemoryBucket):
    """A bucket that knows what was fetched of it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.fetched: list[str] = []

    def download(self, version: Version, path: Path, between: Callable[[], None] = pass_on) -> None:
        self.fetched.append(version.key)
        super().download(version, path, between)


def test_a_day_that_is_rewritten_meanwhile_is_not_mixed_with_the_others() -> None:
    bucket = lake_of([Put(day, 10 + number, deletes=False, stores=((1, 0),)) for number, day in enumerate(_DAYS)])
    with lake_as_of(_DAYS[-1], bucket, CATALOG) as lake:
        lake.days("stores")
        for key, content in _until(lake_of([Put(_DAYS[1], 20, deletes=False, stores=((7, 0),))]), _DAYS[1]):
            bucket.put(key, content)
        with pytest.raises(RewrittenError, match=r"date=2026-03-03/part\.parquet was rewritten while it was read"):
            lake.table("stores")


def with_day_of(columns: Callable[[pl.DataFrame], pl.DataFrame]) -> MemoryBucket:
    """Two days of stores, the first with other columns."""
    bucket = lake_of(
        [Put(day, 10 + number, deletes=False, stores=((number, 0),)) for number, day in enumerate(_DAYS[:2], 1)]
    )
    key, content = _until(bucket, _DAYS[0])[0]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "part.parquet"
        columns(pl.read_parquet(content)).write_parquet(path)
        bucket.put(key, path.read_bytes())
    return bucket


def test_a_day_of_an_older_spec_reads_null_and_none_at_all_is_empty_with_types() -> None:
    bucket = with_day_of(
        lambda day: day.drop("other_columns").with_columns(other=pl.lit(1), more=pl.struct("store_id"))
    )
    with lake_as_of(_DAYS[1], bucket, CATALOG) as lake:
        stores = lake.table("stores").select("store_id", "other_columns").to_native().order("store_id").fetchall()
        assert stores == [(1, None), (2, None)]
        empty = lake.table("order_lines").to_native()
        types = dict(zip(empty.columns, map(str, empty.types), strict=True))
    assert (types["amount"], types["updated_at"], types["_row"]) == ("DECIMAL(18,2)", "TIMESTAMP", "BIGINT")


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (lambda day: day.drop("region"), "has no column region; expected string"),
        (lambda day: day.drop("store_id"), "has no column store_id; expected bigint"),
        (lambda day: day.cast({"store_id": pl.String}), "has the column store_id as varchar; expected bigint"),
        (lambda day: day.with_columns(name=pl.lit(7)), "has the column name as integer; expected string"),
        (lambda day: day.cast({"updated_at": pl.Date}), "has the column updated_at as date; expected timestamp"),
    ],
    ids=["no-column", "no-key", "text-for-number", "number-for-text", "date-for-time"],
)
def test_a_day_that_lacks_a_column_or_has_another_type_is_refused(
    columns: Callable[[pl.DataFrame], pl.DataFrame], said: str
) -> None:
    with pytest.raises(TerminalError) as refused:
        read(with_day_of(columns), _DAYS[1])
    place = "s3://curated/stores/date=2026-03-02/part.parquet"
    assert str(refused.value) == f"{place} {said}; materialize curated/stores of that day again"


def test_what_is_no_curated_day_is_named() -> None:
    bucket = lake_of([Put(_DAYS[0], 10, deletes=False, stores=((1, 0),))])
    bucket.put(curated_key("stores", _DAYS[1].isoformat()), b"no parquet")
    expected = r"s3://curated/stores/date=2026-03-03/part\.parquet is no curated day \(.*\); materialize curated/stores"
    with pytest.raises(TerminalError, match=expected):
        read(bucket, _DAYS[1])
    assert list(read(bucket, _DAYS[0])) == [1]
