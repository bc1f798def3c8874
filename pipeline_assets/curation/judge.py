"""One raw object judged: the rows that are kept, those that are rejected and why, and the account of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import narwhals as nw
import polars as pl

from pipeline_assets.curation.read import (
    OTHER_COLUMNS,
    UNREADABLE,
    RawFile,
    Reading,
    RefusedObjectError,
    read_schema,
    scanned_rows,
    unreadable,
)
from pipeline_assets.curation.rules import (
    DELETED_AT,
    NOT_SHOWN,
    REJECTED,
    ROW,
    WAS,
    Judgement,
    explained,
    judged,
    judgements_of,
    judgements_of_tombstones,
    warnings_of,
)
from pipeline_assets.datasets.spec import Column, Dataset, stored_columns
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.privacy.suspicion import SUSPICIOUS

#: Rows that are in the memory at a time, with all their columns.
_AT_A_TIME = 500_000
#: The columns of the quarantine: of a refused object one row says so, with row 0.
QUARANTINED = {
    "source": pl.String(),
    "version_id": pl.String(),
    "row": pl.Int64(),
    "column": pl.String(),
    "rule": pl.String(),
    "reason": pl.String(),
    "fields": pl.String(),
}


@dataclass(frozen=True, slots=True)
class SourceAccount:
    """Account of one raw object in a curated day.

    Parameters
    ----------
    id
        Id of the object's receipt.
    key, version_id, etag
        Which object it is.
    counts
        Its rows by outcome.
    rules, warned
        Rejected rows and kept ones by the rule they broke.
    unknown_dropped
        Columns that the contract did not keep.
    refused
        Sentence that tells why the object was refused whole; empty when it was not.
    """

    id: str
    key: str
    version_id: str
    etag: str
    counts: Counts
    rules: dict[str, int] = field(default_factory=dict)
    warned: dict[str, int] = field(default_factory=dict)
    unknown_dropped: tuple[str, ...] = ()
    refused: str = ""

    def is_of(self, version: ObjectVersion) -> bool:
        """Whether it speaks of this version; where a bucket keeps none, of these bytes."""
        same = self.version_id == version.version_id if version.version_id else self.etag == version.etag
        return self.key == version.key and same

    def lost(self, duplicate: int, superseded: int) -> SourceAccount:
        """The same object after some of its accepted rows proved not to be the latest of their keys."""
        gone = Counts(accepted=duplicate + superseded) - Counts(duplicate=duplicate, superseded=superseded)
        return replace(self, counts=self.counts - gone)


@dataclass(frozen=True, slots=True)
class PartAccount:
    """Account of some rows of a raw object that follow each other, which may be all of them.

    Parameters
    ----------
    counts, rules, warned, unknown_dropped
        As of `SourceAccount`.
    halted
        Rule and reason of the first row that breaks a rule that halts.
    unread
        Rule, sentence and number of the object's rows, where its rows could not be read.
    """

    counts: Counts = field(default_factory=Counts)
    rules: dict[str, int] = field(default_factory=dict)
    warned: dict[str, int] = field(default_factory=dict)
    unknown_dropped: tuple[str, ...] = ()
    halted: tuple[str, str] | None = None
    unread: tuple[str, str, int] | None = None


@dataclass(frozen=True, slots=True)
class JudgedPart:
    """Some rows of a raw object after the rules.

    Parameters
    ----------
    account
        Their account.
    index, rejected, rows
        As of `JudgedSource`.
    """

    account: PartAccount
    index: pl.DataFrame
    rejected: pl.DataFrame
    rows: pl.LazyFrame


@dataclass(frozen=True, slots=True)
class JudgedSource:
    """A raw object after the rules, before its rows met those of other objects.

    Parameters
    ----------
    account
        Its account.
    index
        Key, order columns and ``_row`` of the rows that are kept.
    rejected
        The other rows, with the columns of `QUARANTINED`.
    rows
        All rows, read from the file once more: a day may be larger than the memory.
    """

    account: SourceAccount
    index: pl.DataFrame
    rejected: pl.DataFrame
    rows: pl.LazyFrame


def judged_source(dataset: Dataset, file: RawFile) -> JudgedSource:
    """Judge every row of a raw object.

    Returns
    -------
    JudgedSource
        Its rows and what became of them; one that is refused whole keeps none.
    """
    if file.refused:
        return refused_source(file.version, RefusedObjectError("present", file.refused))
    part = judged_part(dataset, file)
    if refusal := refusal_of([part.account]):
        return refused_source(file.version, refusal)
    return JudgedSource(account_of_parts(file.version, [part.account]), part.index, part.rejected, part.rows)


def judged_part(dataset: Dataset, file: RawFile, first: int = 0, number: int | None = None) -> JudgedPart:
    """Judge some rows of a raw object that was downloaded.

    Parameters
    ----------
    dataset
        The spec.
    file
        The object.
    first, number
        First of the rows, from 0, and how many they are; all rows unless given.

    Returns
    -------
    JudgedPart
        The rows and what became of them; none where they could not be read.
    """
    try:
        reading, height = read_schema(dataset, file)
        judgements = (
            judgements_of_tombstones(dataset, converted=reading.converted)
            if file.raw.deletes
            else judgements_of(dataset, file.raw.day, converted=reading.converted)
        )
        rows = scanned_rows(dataset, file, reading)
        if number is not None:
            rows = rows.slice(first, number)
        warnings = {} if file.raw.deletes else warnings_of(dataset, file.raw.day)
        index, rejected, warned = [], [], Counter[str]()
        for kept, broken in _judged(rows, judgements, height if number is None else number, height):
            index.append(kept.select(list(dict.fromkeys((*dataset.key, *dataset.order, ROW)))))
            rejected.append(_quarantined(dataset, file, judgements, broken))
            warned.update(nw.from_native(kept).select(**warnings).to_native().row(0, named=True) if warnings else {})
    except RefusedObjectError as error:
        return JudgedPart(
            PartAccount(unread=(error.rule, str(error), error.rows)), pl.DataFrame(), pl.DataFrame(), pl.LazyFrame()
        )
    account = _accounted(dataset, reading, pl.concat(index), pl.concat(rejected), warned)
    return JudgedPart(account, pl.concat(index), pl.concat(rejected), rows)


def refusal_of(parts: Sequence[PartAccount]) -> RefusedObjectError | None:
    """Why an object is refused whole, by its parts in their order; None where it is not.

    Parameters
    ----------
    parts
        Accounts of all its rows.

    Returns
    -------
    RefusedObjectError or None
        That it cannot be read, or else the first of its rows that breaks a rule that halts.
    """
    if unread := next((part.unread for part in parts if part.unread), None):
        return RefusedObjectError(*unread)
    if halted := next((part.halted for part in parts if part.halted), None):
        return RefusedObjectError(*halted, sum(part.counts.received for part in parts))
    return None


def account_of_parts(version: ObjectVersion, parts: Sequence[PartAccount]) -> SourceAccount:
    """Account of an object that is not refused, from those of its parts.

    Parameters
    ----------
    version
        The object.
    parts
        Accounts of all its rows, in their order.

    Returns
    -------
    SourceAccount
        Their sum.
    """
    counts = sum((part.counts for part in parts), Counts())
    rules, warned = Counter[str](), Counter[str]()
    for part in parts:
        rules.update(part.rules)
        warned.update(part.warned)
    none_left = counts.received and not counts.accepted
    return SourceAccount(
        version.id,
        version.key,
        version.version_id,
        version.etag,
        counts,
        dict(sorted(rules.items())),
        {name: number for name, number in warned.items() if number},
        parts[0].unknown_dropped,
        f"{version.key}: all {counts.received} rows were rejected" if none_left else "",
    )


def refused_source(version: ObjectVersion, error: RefusedObjectError) -> JudgedSource:
    """A raw object of which no row can be taken."""
    reason = f"{version.key}: {error}"
    counts = Counts(received=error.rows, quarantined=error.rows)
    rules = {error.rule: max(error.rows, 1)}
    account = SourceAccount(version.id, version.key, version.version_id, version.etag, counts, rules, refused=reason)
    row = {"source": version.uri, "version_id": version.version_id, "row": 0, "rule": error.rule, "reason": reason}
    return JudgedSource(account, pl.DataFrame(), pl.DataFrame([row], schema=QUARANTINED), pl.LazyFrame())


def _judged(
    rows: pl.LazyFrame, judgements: Sequence[Judgement], number: int, height: int
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """The rows that are kept and those that are rejected, some at a time; at least once, also of no rows."""
    checked: pl.LazyFrame = judged(nw.from_native(rows), judgements).to_native()
    for first in range(0, max(number, 1), _AT_A_TIME):
        try:
            frame = checked.slice(first, _AT_A_TIME).collect()
        except UNREADABLE as error:
            raise unreadable(error, height) from error
        broken = frame.get_column(REJECTED)
        yield (frame.filter(~broken), frame.filter(broken)) if broken.any() else (frame, frame.clear())


def _quarantined(
    dataset: Dataset, file: RawFile, judgements: Sequence[Judgement], rejected: pl.DataFrame
) -> pl.DataFrame:
    """The rejected rows as they are kept."""
    if rejected.is_empty():
        return pl.DataFrame(schema=QUARANTINED)
    deletes = file.raw.deletes
    columns = (*(dataset.column(name) for name in dataset.key), DELETED_AT) if deletes else stored_columns(dataset)
    shown = [_shown(column, rejected.columns) for column in columns]
    explained_rows: pl.DataFrame = explained(nw.from_native(rejected), judgements).to_native()
    return explained_rows.select(
        pl.lit(file.version.uri).alias("source"),
        pl.lit(file.version.version_id).alias("version_id"),
        pl.col(ROW).alias("row"),
        "column",
        "rule",
        "reason",
        pl.struct([*shown, *([] if deletes else [pl.col(OTHER_COLUMNS)])]).struct.json_encode().alias("fields"),
    )


def _accounted(
    dataset: Dataset, reading: Reading, index: pl.DataFrame, rejected: pl.DataFrame, warned: Counter[str]
) -> PartAccount:
    halting = [rule.name for rule in dataset.rules if rule.severity == "halt"]
    halted = rejected.filter(pl.col("rule").is_in(halting)).head(1).select("rule", "reason").rows()
    return PartAccount(
        Counts(received=index.height + rejected.height, accepted=index.height, quarantined=rejected.height),
        dict(rejected.group_by("rule").len().iter_rows()),
        dict(warned),
        reading.dropped,
        halted[0] if halted else None,
    )


def _shown(column: Column, there: Sequence[str]) -> pl.Expr:
    """A column of a rejected row as text: as it was where it could not be converted, and nothing personal."""
    if column.personal != "none":
        return pl.when(pl.col(column.name).is_not_null()).then(pl.lit(NOT_SHOWN)).alias(column.name)
    value = pl.col(column.name)
    text = value.dt.to_string("iso:strict") if column.type in {"datetime", "date"} else value.cast(pl.String)
    if f"{WAS}{column.name}" in there:
        text = pl.coalesce(text, pl.col(f"{WAS}{column.name}"))
    return text.str.replace_all(SUSPICIOUS, NOT_SHOWN).alias(column.name)
