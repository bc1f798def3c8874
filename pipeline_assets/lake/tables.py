"""The SQL tables of the lake, made from the specs: their columns, where they lie, and the partitions of their days.

A table reads its objects by column name, so that a day written before a column was added reads null there.
Partition keys are text: Trino, and so Athena, lets Glue itself leave out the partitions that a condition on text rules
out, and ISO days compare as text as they do as days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.datasets.catalog import Catalog
from pipeline_assets.datasets.spec import Column, Dataset, stored_columns
from pipeline_assets.datasets.types import TYPES
from pipeline_assets.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

#: What curation adds to a dataset's columns.
ADDED_COLUMNS: Final = (
    Column("other_columns", "text", "values of columns that the spec does not know, as JSON", nullable=True),
    Column("_deleted", "boolean", "whether the row is gone from the source, and only its key is left"),
    Column("_deleted_by", "text", "the last load of the day that found the row gone", nullable=True),
    Column("_load_id", "text", "the load that brought the row; later loads compare greater"),
    Column("_source", "text", "address of the raw object that the row is from"),
    Column("_row", "integer", "its row number in that object, from 1"),
)
#: Columns of the table of rejected rows.
REJECTED_COLUMNS: Final = (
    Column("source", "text", "address of the raw object that the row is from"),
    Column("version_id", "text", "which version of that object"),
    Column("row", "integer", "its row number in that object, from 1; 0 is the whole object"),
    Column("column", "text", "the column that broke the rule", nullable=True),
    Column("rule", "text", "the rule that was broken"),
    Column("reason", "text", "what was found and what was expected"),
    Column("fields", "text", "the row as JSON", nullable=True),
    Column("run", "integer", "which run of the object it was, from 1"),
    Column("quarantined_at", "datetime", "when the row was rejected", unit="UTC"),
)

#: What the objects of a table are: Parquet, JSON documents of a line each, or CSV with a header.
Format = Literal["parquet", "json", "csv"]
_TEXT_INPUT: Final = {
    "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
}
_FORMATS: Final[Mapping[Format, Mapping[str, Any]]] = {
    "parquet": {
        "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
    },
    "json": {
        **_TEXT_INPUT,
        "SerdeInfo": {
            "SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe",
            # One object that is no JSON would make every query fail that reads its folder.
            "Parameters": {"ignore.malformed.json": "true"},
        },
    },
    "csv": {
        **_TEXT_INPUT,
        "SerdeInfo": {
            "SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
            # A quote is written twice; the reader wants another escape than that, so it is what no value has.
            "Parameters": {"separatorChar": ",", "quoteChar": '"', "escapeChar": "`"},
        },
    },
}


@dataclass(frozen=True, slots=True)
class GlueColumn:
    """Column of a type that only the Glue catalog has a name for, such as an exact decimal or a list of records.

    Parameters
    ----------
    name, meaning, unit
        As of `Column`.
    glue
        Its type in the Glue catalog.
    """

    name: str
    glue: str
    meaning: str
    unit: str = ""


def glue_type(column: Column | GlueColumn) -> str:
    """What the Glue catalog calls the type of a column."""
    return column.glue if isinstance(column, GlueColumn) else TYPES[column.type].glue


@dataclass(frozen=True, slots=True)
class LakeTable:
    """One table over objects of one format.

    Parameters
    ----------
    name, description
        Of the table in Glue.
    bucket
        Logical name of the bucket that its objects are in.
    prefix
        Beginning of their keys.
    columns
        Columns of the objects.
    partitions
        Names of the partition keys, which follow the prefix in the keys of objects.
    format
        What its objects are.
    hive
        Whether the folders of a partition are ``name=value``; else they are the values alone.
    """

    name: str
    description: str
    bucket: str
    prefix: str
    columns: tuple[Column | GlueColumn, ...]
    partitions: tuple[str, ...]
    format: Format = "parquet"
    hive: bool = True

    def folder(self, *values: str) -> str:
        """Beginning of the keys of the partition with these values, or of all that have these first values."""
        named = zip(self.partitions, values, strict=False)
        return self.prefix + "".join(f"{name}={value}/" if self.hive else f"{value}/" for name, value in named)

    def values_of(self, key: str) -> dict[str, str] | None:
        """Values of the partition keys of an object by its key, or None for an object of no partition."""
        folders = key.removeprefix(self.prefix).split("/")[:-1]
        if not self.hive:
            found = dict(zip(self.partitions, folders, strict=False)) if len(folders) == len(self.partitions) else {}
        else:
            found = dict(folder.split("=", 1) for folder in folders if "=" in folder)
        return found if tuple(found) == self.partitions else None

    def storage(self, bucket_name: str, *values: str) -> Any:  # noqa: ANN401 - Glue's own form of it
        """What Glue calls the storage descriptor, of the table or of the partition with these values."""
        columns = [{"Name": c.name, "Type": glue_type(c), "Comment": commented(c)} for c in self.columns]
        return {"Columns": columns, "Location": f"s3://{bucket_name}/{self.folder(*values)}", **_FORMATS[self.format]}


def commented(column: Column | GlueColumn) -> str:
    """What a column means, with its unit."""
    return f"{column.meaning} ({column.unit})" if column.unit else column.meaning


def curated_table(dataset: Dataset) -> LakeTable:
    """The table of a dataset's curated days."""
    return LakeTable(
        name=dataset.name,
        description=dataset.description,
        bucket="curated",
        prefix=f"{dataset.name}/",
        columns=(*stored_columns(dataset), *ADDED_COLUMNS),
        partitions=("date",),
    )


def rejected_rows_table(catalog: Catalog) -> LakeTable:
    """The table of the rows that were rejected of a catalog's datasets."""
    return LakeTable(
        name="rejected_rows",
        description="Rows that broke a rule, kept for a replay; personal values are masked.",
        bucket="quarantine",
        prefix=f"{catalog.name}/",
        columns=REJECTED_COLUMNS,
        partitions=("dataset", "date"),
    )


def lake_tables(catalog: Catalog) -> tuple[LakeTable, ...]:
    """Every table of a catalog: one of each dataset, and that of rejected rows."""
    return (*(curated_table(dataset) for dataset in catalog), rejected_rows_table(catalog))


class GluePartitions:
    """Tells Glue which partitions the tables of a database have; a query sees a day only once it is registered."""

    def __init__(self, glue: GlueClient, database: str, buckets: Mapping[str, str]) -> None:
        self._glue = glue
        self._database = database
        self._buckets = buckets
        self._registered: set[tuple[str, ...]] = set()

    def register(self, table: LakeTable, *values: str) -> None:
        """Register a partition of a table, unless it is; any number may do so at once.

        Parameters
        ----------
        table
            The table.
        *values
            Values of its partition keys, in their order.

        Raises
        ------
        TransientError
            Glue does not take it.
        """
        if (table.name, *values) in self._registered:
            return
        storage = table.storage(self._buckets[table.bucket], *values)
        try:
            self._glue.create_partition(
                DatabaseName=self._database,
                TableName=table.name,
                PartitionInput={"Values": list(values), "StorageDescriptor": storage},
            )
        except (BotoCoreError, ClientError) as error:
            if not (isinstance(error, ClientError) and error.response["Error"].get("Code") == "AlreadyExistsException"):
                place = "/".join(values)
                raise TransientError(f"the day {place} of {table.name} was not registered: {error}") from error
        self._registered.add((table.name, *values))


class GlueCatalog:
    """The SQL tables over the curated lake, to which days of a dataset and of its rejected rows are made known."""

    def __init__(self, glue: GlueClient, database: str, buckets: Mapping[str, str], catalog: Catalog) -> None:
        self._partitions = GluePartitions(glue, database, buckets)
        self._tables = {table.name: table for table in lake_tables(catalog)}
        self._rejected = rejected_rows_table(catalog)

    def register(self, dataset: str, day: str) -> None:
        """Register a day of a dataset's table and of its rejected rows, unless they are.

        Parameters
        ----------
        dataset
            Name of the dataset; one that has no table has rejected rows alone.
        day
            The load day, ISO.

        Raises
        ------
        TransientError
            Glue does not take it.
        """
        if table := self._tables.get(dataset):
            self._partitions.register(table, day)
        self._partitions.register(self._rejected, dataset, day)
