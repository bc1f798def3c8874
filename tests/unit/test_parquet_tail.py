"""The footer of a Parquet object is read whole, however large it is, and the rows are not."""

from __future__ import annotations

import io

import polars as pl
import pytest

from pipeline_assets.errors import TransientError
from pipeline_assets.storage.parquet_tail import parquet_tail
from tests.worlds.memory_storage import MemoryBucket


def stored(said: str, rows: int = 3) -> bytes:
    """An object whose footer says something."""
    content = io.BytesIO()
    pl.DataFrame({"n": range(rows)}).write_parquet(content, compression="uncompressed", metadata={"said": said})
    return content.getvalue()


@pytest.mark.parametrize(
    ("letters", "rows"),
    [
        pytest.param(10, 3, id="object smaller than what is read at once"),
        pytest.param(10, 20_000, id="footer smaller than what is read at once"),
        pytest.param(200_000, 20_000, id="footer larger than what is read at once"),
    ],
)
def test_the_footer_is_there_as_a_whole(letters: int, rows: int) -> None:
    bucket, said = MemoryBucket("curated"), "".join(chr(97 + n % 26) for n in range(letters))
    put = bucket.put("k", stored(said, rows))
    tail = parquet_tail(bucket, "k")
    assert tail is not None
    assert tail.etag == put.etag
    assert pl.read_parquet_metadata(io.BytesIO(b"PAR1" + tail.content))["said"] == said


def test_there_is_none_of_an_object_that_is_not_there() -> None:
    assert parquet_tail(MemoryBucket("curated"), "k") is None


def test_a_bucket_that_does_not_answer_is_told() -> None:
    with pytest.raises(TransientError, match="s3://curated/k could not be read: SlowDown"):
        parquet_tail(MemoryBucket("curated", fault="SlowDown"), "k")
