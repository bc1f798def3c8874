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
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline_assets.datasets.catalog import Catalog
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lake.layout import RawObject, quarantine_prefix
from pipeline_assets.privacy.cards import without_numbers
from pipeline_assets.storage.bucket import Bucket

if TYPE_CHECKING:
    from pipeline_assets.events.foreign_messages import ForeignMessages
    from pipeline_assets.events.quarantine import Contents

#: Where the refusals of objects lie whose keys name no dataset.
UNKNOWN = "unknown"
_SUFFIX = ".parquet"


class LakeQuarantine:
    """Where rejected rows, refused objects and foreign messages of the lake are kept.

    A foreign message may hold anything, so it is kept without numbers.
    """

    def __init__(self, bucket: Bucket, catalog: Catalog) -> None:
        self._bucket = bucket
        self._catalog = catalog

    @property
    def messages(self) -> ForeignMessages:
        """The messages that announced no object."""
        # Loaded where there is one, which is seldom.
        from pipeline_assets.events.foreign_messages import ForeignMessages  # noqa: PLC0415

        return ForeignMessages(self._bucket, self._catalog.name, without_numbers)

    def keep(self, version: ObjectVersion, run: int, rejected: pl.DataFrame | pl.LazyFrame) -> None:
        """Keep the rejected rows of a raw object in place of what an earlier run left; none at all for no rows.

        Parameters
        ----------
        version
            The raw object.
        run
            Which run of it, from 1.
        rejected
            Columns of `curation.judge.QUARANTINED`; a lazy frame has rows.
        """
        key = self._key(version)
        if isinstance(rejected, pl.DataFrame) and rejected.is_empty():
            self._bucket.delete_all([key])
            return
        rows = rejected.lazy().with_columns(
            pl.lit(run, dtype=pl.Int64).alias("run"),
            pl.lit(datetime.now(UTC)).cast(pl.Datetime("us", "UTC")).alias("quarantined_at"),
        )
        with tempfile.TemporaryDirectory(prefix="cesta-") as directory:
            path = Path(directory) / "rejected"
            rows.sink_parquet(path, compression="zstd")
            self._bucket.put(key, path)

    def contents(self) -> Contents:
        """What lies there, whatever became of it since, in no particular order."""
        # Who curates never asks for it.
        from pipeline_assets.events.quarantine import Contents  # noqa: PLC0415

        found, messages = Contents(), self.messages
        for kept in self._bucket.objects(f"{self._catalog.name}/"):
            if kept.key.endswith(_SUFFIX):
                found.receipts[Path(kept.key).stem] = iso_utc(kept.modified)
            elif message_id := messages.id_of(kept.key):
                found.messages[message_id] = iso_utc(kept.modified)
        return found

    def documents(self, receipt: Receipt) -> Iterator[dict[str, Any]]:
        """What the newest run of a raw object left, in the order of the rows."""
        source = receipt.version
        place = {"bucket": source.bucket, "key": source.key, "version_id": source.version_id}
        for row in self._rows(self._key(source)):
            document = {**place, "event_time": source.event_time, "rule": row["rule"], "reason": row["reason"]}
            if row["row"]:
                fields = {name: "" if value is None else value for name, value in json.loads(row["fields"]).items()}
                document |= {"row": row["row"], "column": row["column"], "fields": fields}
            yield document

    def address(self, receipt: Receipt) -> str:
        """Where lies what the newest run of a raw object left: its object as ``s3://bucket/key``."""
        return f"s3://{self._bucket.name}/{self._key(receipt.version)}"

    def _rows(self, key: str) -> Iterator[dict[str, Any]]:
        if body := self._bucket.read(key):
            yield from pl.read_parquet(io.BytesIO(body)).iter_rows(named=True)

    def _key(self, version: ObjectVersion) -> str:
        raw = RawObject.of(version.key)
        place = (raw.dataset, raw.day) if raw and raw.dataset in self._catalog else (UNKNOWN, version.arrival_day)
        return f"{quarantine_prefix(self._catalog.name, *place)}{version.id}{_SUFFIX}"
