"""Verification of the catalog of purchases: what it consists of, piece by piece, and how to mend what is amiss."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.compras.catalog import ComprasCatalog
from pipeline_assets.compras.day import days_with_documents
from pipeline_assets.compras.documents import PREFIX
from pipeline_assets.compras.tables import COMPRAS_JSON, COMPRAS_TABLES, partition_of
from pipeline_assets.errors import TransientError, UserError
from pipeline_assets.events.tenants import TenantId
from pipeline_assets.lake.tables import LakeTable, glue_type
from pipeline_assets.storage.bucket import Bucket

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_glue import GlueClient

_BOTH_IMAGES: Final = "NEW_AND_OLD_IMAGES"
_DEPLOY: Final = "deploy the template again: `cesta up`, on AWS as docs/guides/aws.md says"
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Parameters
    ----------
    name
        What it is.
    passed
        Whether it is as it has to be.
    found
        What was found, in words.
    mend
        What to do about it; empty where nothing is amiss.
    """

    name: str
    passed: bool
    found: str
    mend: str = ""


class _AmissError(Exception):
    """What is not as it has to be, and what to do about it."""

    def __init__(self, found: str, mend: str) -> None:
        super().__init__(found)
        self.found = found
        self.mend = mend


@dataclass(frozen=True)
class DataCatalog:
    """The catalog of purchases with what it stands on.

    Parameters
    ----------
    bucket
        Bucket of documents.
    table, database
        Names of the DynamoDB table of purchases and of the Glue database.
    dynamodb, glue
        Clients.
    ask
        Asks a query in SQL and tells what came of it in words; raises `UserError` where it has no answer.
    views
        Names of the views that the database has to have.
    """

    bucket: Bucket
    table: str
    database: str
    dynamodb: DynamoDBClient = field(repr=False)
    glue: GlueClient = field(repr=False)
    ask: Callable[[], str]
    views: tuple[str, ...] = ()

    def checks(self) -> Iterator[Check]:
        """Look at everything, one by one.

        Yields
        ------
        Check
            What was found; one that fails does not keep the others from being looked at.
        """
        steps: list[tuple[str, Callable[[], str]]] = [
            ("bucket", self._bucket),
            ("table of purchases", self._stream),
            ("database", self._database),
            *((f"table {table.name}", lambda table=table: self._table(table)) for table in COMPRAS_TABLES),
            *((f"view {name}", lambda name=name: self._view(name)) for name in self.views),
            ("partitions", self._partitions),
            ("query", self.ask),
        ]
        for name, step in steps:
            try:
                yield Check(name, passed=True, found=step())
            except _AmissError as amiss:
                yield Check(name, passed=False, found=amiss.found, mend=amiss.mend)
            except (ClientError, BotoCoreError, TransientError, UserError) as error:
                mend = f"see that {self.bucket.name} and AWS can be reached, with rights to look; else {_DEPLOY}"
                yield Check(name, passed=False, found=" ".join(str(error).split()), mend=mend)

    def register_missing(self) -> int:
        """Register the folders of documents that are no partitions.

        Returns
        -------
        int
            How many there were.

        Raises
        ------
        TransientError
            The bucket or the catalog does not answer.
        """
        registered = self._registered()
        catalog = ComprasCatalog(self.glue, self.database, self.bucket.name)
        missing = [each for each in days_with_documents(self.bucket) if partition_of(*each) not in registered]
        for tenant, day in missing:
            catalog.register(tenant, day)
        return len(missing)

    def _bucket(self) -> str:
        some = next(iter(self.bucket.objects(PREFIX)), None)
        return f"{self.bucket.name}, {'with' if some else 'without'} documents"

    def _stream(self) -> str:
        told = self.dynamodb.describe_table(TableName=self.table)["Table"].get("StreamSpecification")
        if not told or not told["StreamEnabled"]:
            raise _AmissError(f"{self.table} has no stream", self._enable("the stream is off"))
        if told.get("StreamViewType") != _BOTH_IMAGES:
            raise _AmissError(
                f"the stream of {self.table} tells {told.get('StreamViewType')}", self._enable("it is turned off")
            )
        return f"{self.table}, whose stream tells {_BOTH_IMAGES}"

    def _enable(self, once: str) -> str:
        specified = f"StreamEnabled=true,StreamViewType={_BOTH_IMAGES}"
        return f"once {once}: aws dynamodb update-table --table-name {self.table} --stream-specification {specified}"

    def _database(self) -> str:
        self._found(lambda: self.glue.get_database(Name=self.database), f"database {self.database}")
        return self.database

    def _table(self, table: LakeTable) -> str:
        found = self._glue_table(table.name)
        storage = found["StorageDescriptor"]
        wanted = table.storage(self.bucket.name)
        columns = {column.name: glue_type(column) for column in table.columns}
        has = {column["Name"]: column["Type"] for column in storage["Columns"]}
        if has != columns:
            different = sorted(name for name in has.keys() | columns if has.get(name) != columns.get(name))
            raise _AmissError(f"its columns {', '.join(different)} are not those of this release", _DEPLOY)
        keys = tuple(key["Name"] for key in found.get("PartitionKeys", []))
        if keys != table.partitions:
            said = f"its partition keys are {', '.join(keys) or 'none'} instead of {', '.join(table.partitions)}"
            raise _AmissError(said, _DEPLOY)
        serde = storage["SerdeInfo"].get("SerializationLibrary")
        if serde != wanted["SerdeInfo"]["SerializationLibrary"]:
            raise _AmissError(f"its objects are read by {serde}", _DEPLOY)
        if storage["Location"].rstrip("/") != wanted["Location"].rstrip("/"):
            raise _AmissError(f"it lies at {storage['Location']} instead of {wanted['Location']}", _DEPLOY)
        return f"{len(columns)} columns, partitions {', '.join(keys)}, {table.format} at {storage['Location']}"

    def _view(self, name: str) -> str:
        kind = self._glue_table(name).get("TableType")
        if kind != "VIRTUAL_VIEW":
            raise _AmissError(f"it is {kind} instead of a view", _DEPLOY)
        return "a view"

    def _partitions(self) -> str:
        registered = self._registered()
        folders = {partition_of(tenant, day): (tenant, day) for tenant, day in days_with_documents(self.bucket)}
        if missing := sorted(folders.keys() - registered.keys()):
            raise _AmissError(
                f"{len(missing)} of {len(folders)} folders are not registered, so that SQL does not see them: "
                f"{_some(missing)}",
                "`cesta verify datacatalog --mend` registers them",
            )
        elsewhere = sorted(
            values
            for values, place in registered.items()
            if values in folders and place != self._place(*folders[values])
        )
        if elsewhere:
            raise _AmissError(
                f"{len(elsewhere)} partitions lie elsewhere than their folders: {_some(elsewhere)}", self._delete()
            )
        if extra := sorted(registered.keys() - folders.keys()):
            raise _AmissError(f"{len(extra)} partitions have no documents: {_some(extra)}", self._delete())
        return f"{len(folders)} folders with documents, all of them registered"

    def _registered(self) -> dict[tuple[str, ...], str]:
        """Places of the partitions of documents."""
        pages = self.glue.get_paginator("get_partitions").paginate(
            DatabaseName=self.database, TableName=COMPRAS_JSON.name, ExcludeColumnSchema=True
        )
        return {
            tuple(each["Values"]): each["StorageDescriptor"]["Location"].rstrip("/")
            for page in pages
            for each in page["Partitions"]
        }

    def _place(self, tenant: TenantId, day: str) -> str:
        return f"s3://{self.bucket.name}/{COMPRAS_JSON.folder(*partition_of(tenant, day))}".rstrip("/")

    def _delete(self) -> str:
        named = f"--database-name {self.database} --table-name {COMPRAS_JSON.name}"
        return f"delete them: aws glue delete-partition {named} --partition-values <tenant> <year> <month> <day>"

    def _glue_table(self, name: str) -> Any:  # noqa: ANN401 - Glue's own form of it
        return self._found(
            lambda: self.glue.get_table(DatabaseName=self.database, Name=name)["Table"], f"{self.database}.{name}"
        )

    def _found(self, get: Callable[[], Any], what: str) -> Any:  # noqa: ANN401 - Glue's own form of it
        try:
            return get()
        except self.glue.exceptions.EntityNotFoundException:
            raise _AmissError(f"there is no {what}", _DEPLOY) from None


def _some(partitions: Sequence[tuple[str, ...]]) -> str:
    named = ["/".join(values) for values in partitions[:_NAMED]]
    return ", ".join([*named, *([f"and {len(partitions) - _NAMED} more"] if len(partitions) > _NAMED else [])])
