"""How fast raw payments become a curated day: our function against the same rules in DuckDB's SQL and in pandas.

All sides read the same Parquet files, whose card numbers are tokens already, judge every row by the rules of the
spec, keep the latest row of each payment, and write a zstd Parquet of the day and one of the
rejected rows with rule, column and reason. Ours tells duplicates from superseded rows per object besides, counts
warnings, and puts both into the footer; the others do not.
"""

# ruff: noqa: S608 - the rival's statements are made of constants of this module

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd  # type: ignore[import-untyped]
import polars as pl

from pipeline_assets.curation.day import curate
from pipeline_assets.curation.publish import write_day
from pipeline_assets.curation.read import RawFile
from pipeline_assets.datasets.ecommerce import CURRENCIES, PAYMENTS
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lake.layout import RawObject

DAY, LOAD = "2026-03-02", "20260302T060000000000Z"
_MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
_ROWS_OF_A_FILE = 250_000
#: One row in so many comes twice, a later version in a file of its own; one in so many breaks a rule.
_TWICE, _BAD = 100, 200
_FIRST_BAD, _MOST = 7, 1_000_000
_END = datetime(2026, 3, 4, tzinfo=UTC)
_GIVEN = ("payment_id", "order_id", "paid_at", "method", "amount", "currency", "status", "updated_at")
_METHODS, _STATUSES = ("card", "cash", "voucher"), ("captured", "refunded", "declined")
#: The rules of the spec that reject, in its order, as one writes them in SQL.
_IN_SQL = {
    "payment_id_positive": ("payment_id", "payment_id < 1"),
    "method_known": ("method", f"method NOT IN {_METHODS}"),
    "amount_in_range": ("amount", "amount < 0 OR amount > 1000000"),
    "status_known": ("status", f"status NOT IN {_STATUSES}"),
    "currency_known": ("currency", f"currency NOT IN {CURRENCIES}"),
    "updated_in_time": ("updated_at", f"updated_at > TIMESTAMPTZ '{_END:%Y-%m-%d %H:%M:%S}+00'"),
}
#: Works a day out of raw files and writes it into a directory; the rows that it kept and rejected.
Side = Callable[[list[Path], Path], tuple[int, int]]


def raw_files(directory: Path, rows: int) -> list[Path]:
    """Files of payments in the order of their ids, as an export writes them, and one of later versions."""
    paths = [
        _written(directory, number, _payments(first, min(first + _ROWS_OF_A_FILE, rows)))
        for number, first in enumerate(range(0, rows, _ROWS_OF_A_FILE), 1)
    ]
    later = _payments(0, rows).gather_every(_TWICE).with_columns(pl.col("updated_at") + timedelta(hours=1))
    return [*paths, _written(directory, len(paths) + 1, later)]


def _written(directory: Path, part: int, frame: pl.DataFrame) -> Path:
    path = directory / f"{LOAD}-{part:04d}.parquet"
    frame.write_parquet(path, compression="zstd")
    return path


def _payments(first: int, end: int) -> pl.DataFrame:
    number = pl.int_range(first, end, dtype=pl.Int64)
    mixed = number.hash(seed=1)
    digits = (mixed % 10_000).cast(pl.String).str.zfill(4)
    token = mixed.cast(pl.String).str.zfill(20) + number.hash(seed=2).cast(pl.String).str.zfill(20)
    moment = pl.lit(_MIDNIGHT) + pl.duration(microseconds=(mixed % 70_000_000_000).cast(pl.Int64))
    card = mixed % 3 == 0
    return pl.select(
        (number + 1).alias("payment_id"),
        (number + 30_000_000_001).alias("order_id"),
        moment.cast(pl.Datetime("us", "UTC")).alias("paid_at"),
        pl.when(card).then(pl.lit("card")).otherwise(pl.lit("cash")).alias("method"),
        pl.when(card).then(digits).alias("card_last_four"),
        pl.when(card).then(pl.lit("visa")).alias("card_issuer"),
        pl.when(card).then(pl.lit("k1:") + token.str.head(32)).alias("card_token"),
        ((mixed % 20_000).cast(pl.Decimal(18, 2)) / 100).cast(pl.Decimal(18, 2)).alias("amount"),
        pl.when(number % _BAD == _FIRST_BAD).then(pl.lit("ZZZ")).otherwise(pl.lit("USD")).alias("currency"),
        pl.lit("captured").alias("status"),
        moment.cast(pl.Datetime("us", "UTC")).alias("updated_at"),
    )


def ours(paths: list[Path], directory: Path) -> tuple[int, int]:
    """What the function does between download and upload; the rows kept and rejected."""
    files = []
    for path in paths:
        raw = RawObject("payments", DAY, LOAD, path.stem[-4:])
        version = ObjectVersion("raw", raw.key, path.stem, "etag", path.stat().st_size, f"{DAY}T06:00:00.000Z", "1")
        files.append(RawFile(version, raw, path))
    day = curate(PAYMENTS, DAY, files)
    write_day(day, directory)
    rejected = pl.concat(day.rejected.values())
    rejected.write_parquet(directory / "ours-rejected.parquet", compression="zstd")
    return day.account.counts.accepted, rejected.height


def in_duckdb(paths: list[Path], directory: Path) -> tuple[int, int]:
    """The same in SQL, as fast as we could write it: one scan into a table, a window over repeated keys alone."""
    rules = _rules_in_sql()
    columns = _case({f"rule = '{name}'": f"'{column}'" for name, column, _, _ in rules})
    reasons = _case(
        {
            f"rule = '{name}'": f"'row ' || _row || ', column {column}: found ' || coalesce({column}::VARCHAR, 'no "
            f"value') || '; expected {expected}'"
            for name, column, _, expected in rules
        }
    )
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            "CREATE TABLE judged AS SELECT * EXCLUDE (filename, file_row_number), NULL::VARCHAR AS other_columns, "
            f"false AS _deleted, '{LOAD}' AS _load_id, filename AS _source, file_row_number + 1 AS _row, "
            f"{_case({broken: repr(name) for name, _, broken, _ in rules})} AS rule "
            "FROM read_parquet($paths, filename = true, file_row_number = true)",
            {"paths": [str(path) for path in paths]},
        )
        connection.execute(
            "CREATE TABLE lost AS SELECT _source, _row FROM judged WHERE rule IS NULL AND payment_id IN (SELECT "
            "payment_id FROM judged WHERE rule IS NULL GROUP BY payment_id HAVING count(*) > 1) QUALIFY row_number() "
            "OVER (PARTITION BY payment_id ORDER BY updated_at DESC, _load_id DESC, _source DESC, _row DESC) > 1"
        )
        kept = connection.execute(
            "COPY (SELECT * EXCLUDE (rule) FROM judged ANTI JOIN lost USING (_source, _row) WHERE rule IS NULL) "
            f"TO '{directory}/duckdb.parquet' (FORMAT parquet, COMPRESSION zstd)"
        ).fetchall()
        rejected = connection.execute(
            f'COPY (SELECT _source, _row, {columns} AS "column", rule, {reasons} AS reason, '
            "to_json(judged)::VARCHAR AS fields FROM judged WHERE rule IS NOT NULL) "
            f"TO '{directory}/duckdb-rejected.parquet' (FORMAT parquet, COMPRESSION zstd)"
        ).fetchall()
    return kept[0][0], rejected[0][0]


def in_pandas(paths: list[Path], directory: Path) -> tuple[int, int]:
    """The same in pandas on Arrow's types: a mask per rule, one sort, the last row of each key."""
    frames = []
    for path in paths:
        frame = pd.read_parquet(path, dtype_backend="pyarrow")
        frames.append(frame.assign(_deleted=False, _load_id=LOAD, _source=str(path), _row=range(1, len(frame) + 1)))
    rows = pd.concat(frames, ignore_index=True)
    rule = pd.Series(None, index=rows.index, dtype="string[pyarrow]")
    column = rule.copy()
    for name, of, broken in _masks(rows):
        first = broken.fillna(value=False) & rule.isna()
        rule[first], column[first] = name, of
    bad = rule.notna()
    expected = {name: told for name, _, _, told in _rules_in_sql()}
    rejected = rows[bad].assign(column=column[bad], rule=rule[bad])
    rejected["reason"] = [
        f"row {row['_row']}, column {row['column']}: found {row[row['column']]}; expected {expected[row['rule']]}"
        for row in rejected.to_dict("records")
    ]
    order = ["payment_id", "updated_at", "_load_id", "_source", "_row"]
    kept = rows[~bad].sort_values(order).drop_duplicates("payment_id", keep="last")
    kept.to_parquet(directory / "pandas.parquet", compression="zstd", index=False)
    rejected.to_parquet(directory / "pandas-rejected.parquet", compression="zstd", index=False)
    return len(kept), len(rejected)


def _masks(rows: pd.DataFrame) -> list[tuple[str, str, Any]]:
    return [
        *((f"{name}_given", name, rows[name].isna()) for name in _GIVEN),
        ("payment_id_positive", "payment_id", rows["payment_id"] < 1),
        ("method_known", "method", ~rows["method"].isin(_METHODS)),
        ("amount_in_range", "amount", (rows["amount"] < 0) | (rows["amount"] > _MOST)),
        ("status_known", "status", ~rows["status"].isin(_STATUSES)),
        ("currency_known", "currency", ~rows["currency"].isin(CURRENCIES)),
        ("updated_in_time", "updated_at", rows["updated_at"] > _END),
    ]


def _rules_in_sql() -> list[tuple[str, str, str, str]]:
    """Name, column, condition of breaking and expectation of each rule, absent values first."""
    given = [(f"{name}_given", name, f"{name} IS NULL", "a value") for name in _GIVEN]
    rejecting = (rule for rule in PAYMENTS.rules if rule.severity != "warn")
    return [*given, *((rule.name, *_IN_SQL[rule.name], rule.expected) for rule in rejecting)]


def _case(choices: dict[str, str]) -> str:
    return f"CASE {' '.join(f'WHEN {condition} THEN {value}' for condition, value in choices.items())} END"


SIDES: dict[str, Side] = {"ours": ours, "duckdb": in_duckdb, "pandas": in_pandas}


@dataclass(frozen=True, slots=True)
class CurationRace:
    """All sides on the same files of `rows` payments."""

    directory: Path
    paths: list[Path]
    rows: int

    @classmethod
    def of(cls, directory: Path, rows: int) -> CurationRace:
        """A race on files that are written here."""
        return cls(directory, raw_files(directory, rows), rows)

    def side(self, name: str) -> Callable[[int], float]:
        """Rows per second that a side reads, judges and writes."""

        def rate(_: int) -> float:
            started = time.perf_counter()
            kept, rejected = SIDES[name](self.paths, self.directory)
            seconds = time.perf_counter() - started
            if kept + rejected != self.rows:
                raise RuntimeError(f"{name} kept {kept} and rejected {rejected} rows of {self.rows} payments")
            return self.rows / seconds

        return rate


@dataclass(frozen=True, slots=True)
class Passed:
    """One pass of a side in a process of its own: `peak` in bytes, of the whole process."""

    seconds: float
    peak: int


def in_a_process_of_its_own(name: str, directory: Path) -> Passed:
    """Let a side work out the files of a directory in a fresh process, which tells its greatest memory."""
    command = [sys.executable, "-m", "benchmarks.curation", name, str(directory)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return Passed(float(output[0]), int(output[1]))


def _main(name: str, directory: Path) -> None:
    paths = sorted(directory.glob(f"{LOAD}-*.parquet"))
    started = time.perf_counter()
    SIDES[name](paths, directory)
    seconds = time.perf_counter() - started
    # Not getrusage: a process begins with the greatest memory of the one that started it.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    sys.stdout.write(f"{seconds} {peak}\n")


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))
