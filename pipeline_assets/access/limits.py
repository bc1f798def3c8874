"""Limit of a tenant's requests: so many in each minute of the clock, counted in one place for all processes.

Within a minute no request too many is let through. Across the end of a minute up to twice as many may follow each other
closely, which a bucket of tokens would not allow; the count costs one write and knows no clock but the minute's name.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pipeline_assets.events.table_errors import transient
from pipeline_assets.events.tenants import TenantId

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MINUTE = 60
#: How long a count is kept after its minute.
_KEPT = 600


class RequestLimits:
    """The table of counts, a tenant and a minute each."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def take(self, tenant: TenantId, per_minute: int, now: float) -> int:
        """Count one request.

        Parameters
        ----------
        tenant
            Who asks.
        per_minute
            Most requests of a minute.
        now
            Seconds since 1970.

        Returns
        -------
        int
            0 where the request is within the limit; else the seconds after which to ask again, 1 to 60.

        Raises
        ------
        TransientError
            The table does not answer.
        """
        minute = int(now // MINUTE)
        with transient("count a request", "the table of requests"):
            answer = self._client.update_item(
                TableName=self._table,
                Key={"tenant_id": {"S": tenant}, "minute": {"N": str(minute)}},
                UpdateExpression="ADD requests :one SET expires = :end",
                ExpressionAttributeValues={
                    ":one": {"N": "1"},
                    ":end": {"N": str((minute + 1) * MINUTE + _KEPT)},
                },
                ReturnValues="UPDATED_NEW",
            )
        if int(answer["Attributes"]["requests"]["N"]) <= per_minute:
            return 0
        return max(1, math.ceil((minute + 1) * MINUTE - now))
