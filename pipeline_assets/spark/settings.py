"""Settings of Spark: when work goes there, and where its jobs run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pipeline_assets.errors import UserError
from pipeline_assets.events.environment import Environment, number, optional


class Engine(StrEnum):
    """What works something out: `AUTO` leaves it to the settings."""

    AUTO = "auto"
    POLARS = "polars"
    SPARK = "spark"


@dataclass(frozen=True, slots=True)
class SparkSettings:
    """When work goes to Spark, and where its jobs run.

    Parameters
    ----------
    from_bytes
        Work on at least so many bytes of input goes to Spark; 0 for none.
    always
        Keys of assets, with slashes, whose work always does.
    application_id
        Application of EMR Serverless that runs the jobs; empty where they run on this machine by ``spark-submit``.
    job_role
        ARN of the role that jobs have there.
    code
        Where the script and the environment of jobs lie, ``s3://bucket/prefix``.
    """

    from_bytes: int = 0
    always: frozenset[str] = frozenset()
    application_id: str = ""
    job_role: str = ""
    code: str = ""

    @classmethod
    def from_environment(cls, environment: Environment = None) -> SparkSettings:
        """Read the settings, all of which may be absent.

        Parameters
        ----------
        environment
            Where variables are looked up; those of the process unless given.

        Returns
        -------
        SparkSettings
            Without Spark unless something asks for it.

        Raises
        ------
        UserError
            ``SPARK_FROM_BYTES`` is no whole number, or an application is named without its role and code.
        """
        always = optional(environment, "SPARK_ALWAYS").split(",")
        settings = cls(
            from_bytes=number(environment, "SPARK_FROM_BYTES", "a number of bytes, 0 for never"),
            always=frozenset(name for each in always if (name := each.strip())),
            application_id=optional(environment, "SPARK_APPLICATION_ID"),
            job_role=optional(environment, "SPARK_JOB_ROLE_ARN"),
            code=optional(environment, "SPARK_CODE"),
        )
        if settings.application_id and not (settings.job_role and settings.code):
            raise UserError(
                "it is set without SPARK_JOB_ROLE_ARN and SPARK_CODE",
                where="SPARK_APPLICATION_ID",
                expected="all three, as the outputs of the template have them",
            )
        return settings

    def engine_of(self, asset: str, input_bytes: int, asked: Engine = Engine.AUTO) -> Engine:
        """Choose what works an asset out.

        Parameters
        ----------
        asset
            Its key, with slashes.
        input_bytes
            What it is made of, in bytes.
        asked
            What a person asked for.

        Returns
        -------
        Engine
            `Engine.POLARS` or `Engine.SPARK`: what was asked for, or else what the settings say.
        """
        if asked is not Engine.AUTO:
            return asked
        large = bool(self.from_bytes) and input_bytes >= self.from_bytes
        return Engine.SPARK if large or asset in self.always else Engine.POLARS
