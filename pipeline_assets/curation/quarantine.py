"""The quarantine of the lake: the rejected rows of each raw object as one Parquet object, all of them one SQL table.

What lies there is a function of the raw object and the rules: a run that is repeated after a crash writes the same
rows again, and an object of which a later run rejects nothing leaves nothing.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.events.quarantine import Contents, Quarantine
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lake.layout import RawObject, quarantine_prefix
from pipeline_assets.privacy.cards import without_numbers

#: Where the refusals of objects lie whose keys name no dataset.
UNKNOWN = "unknown"
_SUFFIX = ".parquet"
_DATASETS = frozenset(dataset.name for dataset in ECOMMERCE)


class LakeQuarantine(Quarantine):
    """Where rejected rows, refused objects and foreign messages of the lake are kept."""

    def keep(self, version: ObjectVersion, run: int, rejected: pl.DataFrame) -> None:
        """Keep the rejected rows of a raw object in place of what an earlier run left; none at all for no rows."""
        key = _key(version)
        if rejected.is_empty():
            self._delete([key])
            return
        rows = rejected.with_columns(
            pl.lit(run, dtype=pl.Int64).alias("run"),
            pl.lit(datetime.now(UTC)).cast(pl.Datetime("us", "UTC")).alias("quarantined_at"),
        )
        with tempfile.TemporaryFile() as file:
            rows.write_parquet(file, compression="zstd")
            file.seek(0)
            with self._reached(key):
                self._client.put_object(Bucket=self._bucket, Key=key, Body=file)

    def keep_message(self, message_id: str, body: str, rule: str, reason: str) -> None:
        """Keep a message that announces no object; it may hold anything, so it is kept without numbers."""
        super().keep_message(message_id, without_numbers(body), rule, without_numbers(reason))

    def contents(self) -> Contents:
        """What lies there, whatever became of it since, in no particular order."""
        found = Contents()
        for key, moment in self._list(f"{self._flow}/"):
            name = Path(key)
            if key.endswith(_SUFFIX):
                found.receipts[name.stem] = moment
            elif key.startswith(self._message_key("").removesuffix(".jsonl")):
                found.messages[name.stem] = moment
        return found

    def documents(self, receipt: Receipt) -> Iterator[dict[str, Any]]:
        """What the newest run of a raw object left, in the order of the rows."""
        source = receipt.version
        place = {"bucket": source.bucket, "key": source.key, "version_id": source.version_id}
        for row in self._rows(_key(source)):
            document = {**place, "event_time": source.event_time, "rule": row["rule"], "reason": row["reason"]}
            if row["row"]:
                fields = {name: "" if value is None else value for name, value in json.loads(row["fields"]).items()}
                document |= {"row": row["row"], "column": row["column"], "fields": fields}
            yield document

    def _rows(self, key: str) -> Iterator[dict[str, Any]]:
        with self._reached(key):
            try:
                body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except self._client.exceptions.NoSuchKey:
                return
        yield from pl.read_parquet(io.BytesIO(body)).iter_rows(named=True)


def _key(version: ObjectVersion) -> str:
    raw = RawObject.of(version.key)
    place = (raw.dataset, raw.day) if raw and raw.dataset in _DATASETS else (UNKNOWN, version.arrival_day)
    return f"{quarantine_prefix(*place)}{version.id}{_SUFFIX}"
