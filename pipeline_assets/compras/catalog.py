"""The Glue catalog of purchases, to which whoever writes a tenant's day makes it known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_assets.compras.tables import BUCKET, COMPRAS_JSON, partition_of
from pipeline_assets.lake.tables import GluePartitions, LakeTable

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

    from pipeline_assets.events.tenants import TenantId


class ComprasCatalog:
    """The tables over purchases, whose partitions are registered by their writers.

    The folders of documents are not named as Hive names them, so that neither a crawler nor ``MSCK REPAIR`` would find
    their partitions under the names of their keys.
    """

    def __init__(self, glue: GlueClient, database: str, bucket: str) -> None:
        self._partitions = GluePartitions(glue, database, {BUCKET: bucket})

    def register(self, tenant: TenantId, day: str, table: LakeTable = COMPRAS_JSON) -> None:
        """Register the folder of a tenant's day, unless it is; asked of Glue once for each folder and process.

        Parameters
        ----------
        tenant
            The tenant.
        day
            The day of the purchases, ISO.
        table
            The table; that of documents unless given.

        Raises
        ------
        TransientError
            Glue does not take it.
        """
        self._partitions.register(table, *partition_of(tenant, day))
