"""The crawlers of the prod sets, and the settings that name them with the tables that they look through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.analytics.crawls import CrawlerState
from pipeline_assets.analytics.tables import PROD_CATALOGS, bucket_variable, crawler_variable
from pipeline_assets.aws_sessions import new_session
from pipeline_assets.errors import TransientError
from pipeline_assets.events.environment import Environment, required
from pipeline_assets.storage.bucket import Bucket
from pipeline_assets.storage.s3 import open_storage

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_glue import GlueClient

_RUNNING = "CrawlerRunningException"


@dataclass(frozen=True, slots=True)
class CrawlerSettings:
    """Where the sets and their crawlers are.

    Parameters
    ----------
    lake_database
        Name of the SQL database that has the tables of the sets.
    crawlers, prod_buckets
        Names of the crawlers and of the buckets, by the names of the sets.
    """

    lake_database: str
    crawlers: Mapping[str, str] = field(hash=False)
    prod_buckets: Mapping[str, str] = field(hash=False)

    @classmethod
    def from_environment(cls, environment: Environment = None) -> CrawlerSettings:
        """Read the settings; raises `MissingSettingError` naming the first variable that is absent."""
        names = [each.name for each in PROD_CATALOGS]
        return cls(
            lake_database=required(environment, "LAKE_DATABASE", "the name of the lake's SQL database"),
            crawlers={
                name: required(environment, crawler_variable(name), f"the name of the crawler of {name}")
                for name in names
            },
            prod_buckets={
                name: required(environment, bucket_variable(name), f"the name of the bucket of {name}")
                for name in names
            },
        )


class Crawler:
    """A crawler of Glue.

    Parameters
    ----------
    glue
        The client.
    name
        Name of the crawler.
    """

    def __init__(self, glue: GlueClient, name: str) -> None:
        self._glue = glue
        self.name = name

    def start(self) -> None:
        """Start it; where it runs already, nothing happens.

        Raises
        ------
        TransientError
            Glue does not start it.
        """
        try:
            self._glue.start_crawler(Name=self.name)
        except (BotoCoreError, ClientError) as error:
            if not (isinstance(error, ClientError) and error.response["Error"].get("Code") == _RUNNING):
                raise TransientError(f"the crawler {self.name} was not started: {error}") from error

    def look(self) -> CrawlerState:
        """Ask what it does.

        Returns
        -------
        CrawlerState
            Its state, and its last crawl.

        Raises
        ------
        TransientError
            Glue does not answer, or there is no such crawler.
        """
        try:
            found = self._glue.get_crawler(Name=self.name)["Crawler"]
        except (BotoCoreError, ClientError) as error:
            raise TransientError(f"Glue does not tell of the crawler {self.name}: {error}") from error
        last = found.get("LastCrawl") or {}
        began = last.get("StartTime")
        return CrawlerState(
            resting=found["State"] == "READY",
            last=f"{began.timestamp():.3f} {last.get('LogStream', '')}" if began else "",
            succeeded=last.get("Status") == "SUCCEEDED",
            message=last.get("ErrorMessage", ""),
            log="/".join(filter(None, (last.get("LogGroup"), last.get("LogStream")))),
        )


@dataclass(frozen=True, slots=True)
class CrawledStores:
    """What crawls are about.

    Parameters
    ----------
    glue
        The client.
    database
        Name of the SQL database.
    crawlers, targets
        Crawlers and buckets by the names of the sets.
    """

    glue: GlueClient
    database: str
    crawlers: Mapping[str, Crawler]
    targets: Mapping[str, Bucket]


@contextmanager
def open_crawled(settings: CrawlerSettings, config: Config) -> Iterator[CrawledStores]:
    """Open what `settings` names, asked as `config` says; nothing of it has to be closed."""
    # Sensors tick side by side in threads, and the default session makes clients for one at a time.
    session = new_session()
    glue = session.client("glue", config=config)
    storage = open_storage(config, session=session)
    yield CrawledStores(
        glue,
        settings.lake_database,
        {name: Crawler(glue, crawler) for name, crawler in settings.crawlers.items()},
        {name: storage.bucket(bucket) for name, bucket in settings.prod_buckets.items()},
    )
