"""What assets, checks and sensors open, with fields that Dagster's page of resources shows.

A field bears the name of its variable in the environment contract, in lower case. `of_environment` fills the required
ones with `dagster.EnvVar`: they are looked up when a run or a tick begins, so that loading definitions reads no
environment. An optional field that is left empty is what its variable says at that time, if there is one. The settings
of a room read both, and say what is missing or wrong.
"""

from __future__ import annotations

import os
from functools import cache
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Self

import dagster as dg
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import Field

from pipeline_assets.aws_sessions import new_session
from pipeline_assets.events.foreign_messages import ForeignMessages
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.settings import LedgerSettings, quarantine_bucket
from pipeline_assets.lineage.tick_time import METRIC_IN_TICK, STORE_IN_TICK
from pipeline_assets.storage.s3 import open_storage

if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import Logger

    from mypy_boto3_cloudwatch import CloudWatchClient

    from pipeline_assets.events.quarantine import Quarantine
    from pipeline_assets.lineage.flows import BridgedFlow
    from pipeline_assets.storage.bucket import Bucket

_NAMESPACE = "Cesta"


class EnvironmentResource(dg.ConfigurableResource["EnvironmentResource"]):
    """A resource whose fields are variables of the environment contract."""

    @classmethod
    def of_environment(cls) -> Self:
        """The resource whose required fields are the variables of their names, looked up when it is used."""
        required = [name for name, field in cls.model_fields.items() if field.is_required()]
        return cls(**{name: dg.EnvVar(name.upper()) for name in required})

    @property
    def settings(self) -> object:
        """What the fields say; raises `MissingSettingError`."""
        return None

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Read the settings, so that a wrong one is told before a run or a tick begins and not tried again."""
        del context
        _ = self.settings

    def variables(self) -> dict[str, str]:
        """The environment as the settings of a room read it: that of the process, and over it the fields."""
        fields = {name.upper(): str(getattr(self, name)) for name in type(self).model_fields}
        return {**os.environ, **{name: value for name, value in fields.items() if value}}


def required(meaning: str) -> str:
    """A field that has to be given."""
    field: str = Field(description=meaning)
    return field


def optional(meaning: str) -> str:
    """A field that may be left empty, where the variable of its name counts, if it is set."""
    field: str = Field(default="", description=f"{meaning}. Empty: as the variable of this name says, if it is set.")
    return field


class LedgerResource(EnvironmentResource):
    """The ledger of receipts."""

    ledger_table: str = required("The name of the DynamoDB table of receipts")

    def open(self) -> Ledger:
        """The ledger; raises `MissingSettingError` when its variable is empty."""
        return _ledger(self.settings.ledger_table)

    @property
    def settings(self) -> LedgerSettings:
        """Where the receipts are; raises `MissingSettingError`."""
        return LedgerSettings.from_environment(self.variables())


class QuarantineResource(EnvironmentResource):
    """The bucket of what was rejected."""

    quarantine_bucket: str = required("The name of the bucket for rejected rows")

    def foreign_messages(self, flow: str) -> int:
        """How many messages of a flow lie there; raises `TransientError`, and `MissingSettingError`."""
        return _messages(self.settings, flow).count()

    def of_flow(self, flow: BridgedFlow) -> Quarantine:
        """The quarantine of a flow, in the form that the flow gives it; raises `MissingSettingError`."""
        return _quarantine(self.settings, flow.quarantine, flow.name)

    @property
    def settings(self) -> str:
        """The name of the bucket; raises `MissingSettingError`."""
        return quarantine_bucket(self.variables())


class MetricsResource(EnvironmentResource):
    """CloudWatch, where alarms watch what the sensors count."""

    ledger_table: str = required("The name of the DynamoDB table of receipts, by which a deployment's metrics are told")

    def put(self, metric: str, flow: str, value: int) -> None:
        """Put a metric of a flow to CloudWatch; what the client raises is passed on.

        Parameters
        ----------
        metric
            Name of the metric.
        flow
            The flow, its dimension.
        value
            The number.
        """
        table = self.settings.ledger_table
        _cloudwatch().put_metric_data(
            Namespace=_NAMESPACE,
            MetricData=[
                {
                    "MetricName": metric,
                    "Dimensions": [{"Name": "Flow", "Value": flow}, {"Name": "Ledger", "Value": table}],
                    "Value": value,
                    "Unit": "Count",
                }
            ],
        )

    @property
    def settings(self) -> LedgerSettings:
        """Whose metrics they are; raises `MissingSettingError`."""
        return LedgerSettings.from_environment(self.variables())

    def publish(self, metric: str, flow: str, value: int, log: Logger) -> None:
        """Publish a metric of a flow; nothing depends on it, so a failure is only a warning.

        Parameters
        ----------
        metric
            Name of the metric.
        flow
            The flow, its dimension.
        value
            The number.
        log
            Takes the warning.
        """
        try:
            self.put(metric, flow, value)
        except (BotoCoreError, ClientError) as error:
            log.warning("%s of %s was not published: %s", metric, flow, error)


# Sensors tick side by side in the threads of one process, and the default session makes clients for one at a time.
@cache
def _ledger(table: str) -> Ledger:
    return Ledger(new_session().client("dynamodb", config=STORE_IN_TICK), table)


@cache
def _messages(bucket: str, flow: str) -> ForeignMessages:
    return ForeignMessages(open_storage(STORE_IN_TICK, session=new_session()).bucket(bucket), flow)


@cache
def _quarantine(bucket: str, address: str, flow: str) -> Quarantine:
    opener: Callable[[Bucket, str], Quarantine] = resolve_name(address)
    return opener(open_storage(STORE_IN_TICK, session=new_session()).bucket(bucket), flow)


@cache
def _cloudwatch() -> CloudWatchClient:
    return new_session().client("cloudwatch", config=METRIC_IN_TICK)
