"""What S3 says of an object that cannot be had, or not now, means the same wherever one is downloaded or put."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import boto3
import polars as pl
import pytest
from botocore.stub import Stubber
from mypy_boto3_s3 import S3Client

from pipeline_assets.csv_files.download import temporary_download
from pipeline_assets.csv_files.reading import RefusedFileError
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.errors import TransientError
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.events.time_budget import TimeBudget
from pipeline_assets.lake.layout import RawObject
from pipeline_assets.raw.loads import Loads
from pipeline_assets.stocks.feed import write_minute
from pipeline_assets.storage import s3 as s3_bucket
from pipeline_assets.storage.answers import DENIED, DENIED_AT_RECEIVE, TERMINAL, received
from pipeline_assets.storage.bucket import GoneError, WithheldError
from pipeline_assets.storage.retries import ATTEMPTS
from pipeline_assets.storage.s3 import S3Bucket, S3Storage

VERSION = ObjectVersion("bucket", "2026/t.csv", "v1", "abc", 12, "2026-11-20T09:30:00.000Z", "0A1")

#: What is over with an object for good: code, HTTP status, what a person is told.
GIVEN_UP = [
    pytest.param("NoSuchKey", 404, "no longer in the bucket", id="deleted"),
    pytest.param("NoSuchVersion", 404, "no longer in the bucket", id="version deleted"),
    pytest.param("PreconditionFailed", 412, "no longer in the bucket", id="replaced"),
    pytest.param("MethodNotAllowed", 405, "a deletion", id="delete marker"),
    pytest.param("NoSuchBucket", 404, "its bucket is not there", id="bucket deleted"),
    pytest.param("InvalidBucketName", 400, "no bucket can be called", id="bucket that cannot be"),
    pytest.param("InvalidObjectState", 403, "archived: restore it", id="archived"),
    pytest.param("InvalidRequest", 400, "SSE-C", id="key of the sender's own"),
    pytest.param("InvalidArgument", 400, "no version of such an id", id="no id of a version"),
    pytest.param("AllAccessDisabled", 403, "all access to it was disabled", id="access disabled"),
    pytest.param("InvalidPayer", 403, "all access to it was disabled", id="access disabled, in another word"),
    pytest.param("InvalidURI", 400, "cannot read its key", id="key that is none"),
    pytest.param("PermanentRedirect", 301, "another region", id="another region"),
    pytest.param("KMS.DisabledException", 400, "is disabled: enable it", id="KMS key disabled"),
    pytest.param("KMS.NotFoundException", 400, "does not exist any more", id="KMS key deleted"),
    pytest.param("KMS.KMSInvalidStateException", 400, "waits for its deletion", id="KMS key going"),
    pytest.param("KMS.InvalidCiphertextException", 400, "does not open it", id="KMS key of another"),
    pytest.param("ObjectNotInActiveTierError", 403, "archived: restore it", id="in another tier"),
    pytest.param("NoSuchAccessPoint", 404, "access point", id="access point deleted"),
    pytest.param("KeyTooLongError", 400, "1,024 bytes", id="key too long"),
]
#: What passes, or is the fault of who asks.
PASSING = [
    *("InternalError", "ServiceUnavailable", "SlowDown", "RequestTimeout", "OperationAborted", "Throttling", "503"),
    *("KMS.ThrottlingException", "KMS.KMSInternalException", "KMS.KeyUnavailableException"),
    *("KMS.DependencyTimeoutException", "KMS.LimitExceededException", "KMS.XksProxyUriUnreachableException"),
    *("TokenRefreshRequired", "AuthorizationHeaderMalformed", "TemporaryRedirect", "ServerBusy", "500", "301", "400"),
    *("ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch", "RequestTimeTooSkewed"),
    *("AccountProblem", "NeverHeardOfIt"),
]


def client_of_nobody() -> S3Client:
    return boto3.client("s3", "eu-west-1", aws_access_key_id="a", aws_secret_access_key="s")


@contextmanager
def answering(code: str, status: int = 400, times: int = 1, operation: str = "get_object") -> Iterator[S3Client]:
    """A client whose requests are answered with an error."""
    client = client_of_nobody()
    with Stubber(client) as stub:
        for _ in range(times):
            stub.add_client_error(operation, code, "S3's own words", status)
        yield client
        stub.assert_no_pending_responses()


def fetch_file(s3: S3Client, version: ObjectVersion) -> None:
    with temporary_download(S3Storage(s3), version, TimeBudget(), TICKETS):
        pass


def fetch_parquet(s3: S3Client, version: ObjectVersion) -> None:
    S3Bucket(s3, version.bucket).download(version, Path("/dev/null"))


#: All places that download what an event announced, with what each raises for what is given up.
PLACES = [
    pytest.param(fetch_file, RefusedFileError, id="files"),
    pytest.param(fetch_parquet, GoneError, id="inbox and lake"),
]
Fetch = Callable[[S3Client, ObjectVersion], None]


@pytest.mark.parametrize(("fetch", "given_up"), PLACES)
@pytest.mark.parametrize(("code", "status", "why"), GIVEN_UP)
def test_what_can_never_be_had_is_given_up_at_once_with_a_reason(
    fetch: Fetch, given_up: type[Exception], code: str, status: int, why: str
) -> None:
    with answering(code, status) as s3, pytest.raises(given_up, match=why):
        fetch(s3, VERSION)


def test_the_table_above_knows_every_reason() -> None:
    tested = {TERMINAL[str(param.values[0])] for param in GIVEN_UP}
    assert set(TERMINAL.values()) == tested


@pytest.mark.parametrize(
    ("code", "gone"), [("NoSuchKey", True), ("NoSuchBucket", False), ("InvalidObjectState", False)]
)
def test_what_is_withheld_is_told_from_what_is_gone(code: str, *, gone: bool) -> None:
    with answering(code) as s3, pytest.raises(GoneError) as raised:
        fetch_parquet(s3, VERSION)
    assert isinstance(raised.value, WithheldError) is not gone


@pytest.mark.parametrize("fetch", [fetch_file, fetch_parquet], ids=["files", "inbox and lake"])
@pytest.mark.parametrize("code", PASSING)
def test_what_may_pass_is_tried_again_however_often(fetch: Fetch, code: str) -> None:
    with answering(code) as s3, received(DENIED_AT_RECEIVE + 20), pytest.raises(TransientError, match="own words"):
        fetch(s3, VERSION)


@pytest.mark.parametrize(("fetch", "given_up"), PLACES)
@pytest.mark.parametrize("code", sorted(DENIED))
def test_a_denial_may_pass_until_it_was_met_again_and_again(fetch: Fetch, given_up: type[Exception], code: str) -> None:
    with answering(code, 403) as s3, pytest.raises(TransientError):
        fetch(s3, VERSION)
    for receive in (1, DENIED_AT_RECEIVE - 1):
        with answering(code, 403) as s3, received(receive), pytest.raises(TransientError):
            fetch(s3, VERSION)
    for receive in (DENIED_AT_RECEIVE, DENIED_AT_RECEIVE + 1):
        with answering(code, 403) as s3, received(receive), pytest.raises(given_up, match=r"s3:GetObject.*ListBucket"):
            fetch(s3, VERSION)


@pytest.mark.parametrize(("fetch", "given_up"), PLACES)
@pytest.mark.parametrize(
    ("bucket", "key"),
    [
        pytest.param("no such bucket!", "a.csv", id="bucket with blanks"),
        pytest.param("", "a.csv", id="no bucket"),
        pytest.param("bucket", "", id="no key"),
    ],
)
def test_a_name_that_no_object_can_have_is_given_up_at_once(
    fetch: Fetch, given_up: type[Exception], bucket: str, key: str
) -> None:
    version = ObjectVersion(bucket, key, "", "", 1, VERSION.event_time, "")
    with pytest.raises(given_up, match="no object of S3 can have"):
        fetch(client_of_nobody(), version)


def put_minute(s3: S3Client) -> object:
    return write_minute(S3Bucket(s3, "bucket"), datetime(2026, 11, 20, 9, 30, tzinfo=UTC), files=1).put


def put_load(s3: S3Client) -> object:
    raw = RawObject("orders", "2026-11-20", "20261120T191500123456Z", "0001")
    return Loads(S3Bucket(s3, "bucket")).put_part(raw, pl.DataFrame({"order_id": [1]})).stored.rows


BUSY = ["ConditionalRequestConflict", "OperationAborted", "409"]


@pytest.mark.parametrize("code", BUSY)
@pytest.mark.parametrize("put", [put_minute, put_load], ids=["feed", "load"])
def test_who_puts_where_somebody_else_is_putting_tries_again(
    put: Callable[[S3Client], object], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_bucket, "_REST", 0)
    client = client_of_nobody()
    with Stubber(client) as stub:
        stub.add_client_error("put_object", code, "busy", 409)
        stub.add_client_error("put_object", code, "busy", 409)
        stub.add_response("put_object", {"VersionId": "v1"})
        assert put(client) == 1
        stub.assert_no_pending_responses()


@pytest.mark.parametrize("code", [*BUSY, "PreconditionFailed", "412"])
def test_a_day_that_somebody_else_is_putting_is_looked_at_again(code: str) -> None:
    with answering(code, 409, operation="put_object") as s3:
        assert S3Bucket(s3, "bucket").put_if_match("k", b"x", None) is None


@pytest.mark.parametrize("code", ["PreconditionFailed", "412"])
def test_what_is_there_is_left_alone(code: str) -> None:
    with answering(code, 412, operation="put_object") as s3:
        assert S3Bucket(s3, "bucket").put_if_absent("k", b"x") is None


def test_who_is_busy_for_ever_is_an_error_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_bucket, "_REST", 0)
    with (
        answering("OperationAborted", 409, ATTEMPTS, "put_object") as s3,
        pytest.raises(TransientError, match="own words"),
    ):
        put_load(s3)
