"""Features of a set that another machine has worked out: where they lie, and how they are read.

======================================================================= =============================================
key, in the bucket of curated days                                      what it holds
======================================================================= =============================================
``_staging/features/<set>/as_of=<day>/<version>/<feature>.parquet``     a feature of a set as of a day
======================================================================= =============================================

The version is that of the set: a hash of what it is made of. So a feature is worked out once for what it is made of,
whoever asks for it, and whoever was killed in the middle leaves what the next one need not work out again. Once the set
is published, its features go.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from pipeline_assets.analytics.day_features import Features
from pipeline_assets.analytics.prod_set import ProdSet
from pipeline_assets.lake.as_of import RewrittenError
from pipeline_assets.storage.bucket import Bucket, GoneError, StoredObject

STAGED: Final = "_staging/features/"
#: What lies there for longer was left by somebody who was killed: no run of Spark may take so long.
_LONGEST: Final = timedelta(days=1)


class FeatureEngine(Protocol):
    """Where the features of a set are worked out, if not on the machine that makes the set."""

    def takes(self, prod_set: ProdSet, size: int) -> bool:
        """Whether it works out what is made of so many bytes of the lake."""

    def work_out(self, prod_set: ProdSet, as_of: date, version: str, curated: Bucket) -> None:
        """Work the features of a set out and put each where `feature_key` says, unless it is there.

        Parameters
        ----------
        prod_set
            The set.
        as_of
            The day.
        version
            The version of the set.
        curated
            Where the curated days are, and the features go.

        Raises
        ------
        TransientError
            It cannot be done now, or the lake was rewritten meanwhile.
        TerminalError
            It cannot be done.
        """


def feature_key(prod_set: ProdSet, as_of: date, version: str, feature: str) -> str:
    """Name the key of a feature that is worked out for a set.

    Parameters
    ----------
    prod_set, as_of
        The set, and the day.
    version
        The version of the set, by what it is made of.
    feature
        Name of the feature.

    Returns
    -------
    str
        The key, in the bucket of curated days.
    """
    return f"{_home(prod_set)}as_of={as_of.isoformat()}/{version}/{feature}.parquet"


def fetched_features(prod_set: ProdSet, known: Features, version: str, bucket: Bucket, folder: Path) -> Features:
    """Read the features that were worked out for a version of a set.

    Parameters
    ----------
    prod_set
        The set.
    known
        Features of the same day, whose lake answers for what is not among them.
    version
        The version.
    bucket
        Where they lie.
    folder
        Where their files are, as long as they are read.

    Returns
    -------
    Features
        Those that the models of the set read.

    Raises
    ------
    RewrittenError
        They are not there: somebody else has made the set of them by now.
    TransientError
        The bucket does not answer.
    """
    paths = {name: folder / f"feature-{name}.parquet" for name in prod_set.features}
    for name, path in paths.items():
        key = feature_key(prod_set, known.as_of, version, name)
        gone = RewrittenError(f"s3://{bucket.name}/{key} is not there any more", object_uri=f"s3://{bucket.name}/{key}")
        if (found := bucket.head(key)) is None:
            raise gone
        try:
            bucket.download(found, path)
        except GoneError as error:
            raise gone from error
    return Features(known.lake, {feature: paths[name] for name, feature in prod_set.features.items()})


def forget_features(prod_set: ProdSet, as_of: date, bucket: Bucket) -> None:
    """Delete the features of a set as of a day, and those of any day that somebody who was killed has left.

    Parameters
    ----------
    prod_set
        The set.
    as_of
        The day, as of which the set is published.
    bucket
        Where they lie.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    mine, before = f"{_home(prod_set)}as_of={as_of.isoformat()}/", datetime.now(UTC) - _LONGEST

    def is_left(found: StoredObject) -> bool:
        return found.key.startswith(mine) or found.modified < before

    bucket.delete_all([found.key for found in bucket.objects(_home(prod_set)) if is_left(found)])


def _home(prod_set: ProdSet) -> str:
    return f"{STAGED}{prod_set.name}/"
