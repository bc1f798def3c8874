"""Sentences of events: the numbers with their words, in the singular where it is one."""

from __future__ import annotations

import pytest

from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.sources import ObjectVersion, Source, StreamBatch
from pipeline_assets.lineage.metadata import rejected_share
from pipeline_assets.lineage.sentences import counted, work_sentence

FILE = ObjectVersion("inbox", "a.csv", "v1", "e", 100, "2026-11-20T10:00:00.000Z", "A")
BATCH = StreamBatch(
    "compras", "arn:stream", "", "2026", "7", "9", 3, "2026-11-20T10:00:00.000Z", "2026-11-20T10:00:01.000Z"
)


@pytest.mark.parametrize(
    ("sources", "counts", "refused", "restated", "sentence"),
    [
        pytest.param([FILE] * 3, Counts(7, 1, 6), 2, 0, "3 files, 2 refused, 6 of 7 rows rejected", id="some refused"),
        pytest.param([FILE], Counts(1, 0, 1), 1, 0, "1 file, refused, 1 of 1 row rejected", id="one refused"),
        pytest.param([FILE], Counts(), 1, 0, "1 file, refused, no rows", id="unreadable"),
        pytest.param([FILE], Counts(1, 1), 0, 0, "1 file, 1 row, none rejected", id="one row"),
        pytest.param([FILE] * 1200, Counts(4000, 4000), 0, 0, "1,200 files, 4,000 rows, none rejected", id="many"),
        pytest.param(
            [FILE] * 2,
            Counts(10, 5, 2, 1, 2),
            0,
            0,
            "2 files, 2 of 10 rows rejected, 1 duplicate, 2 superseded",
            id="every outcome",
        ),
        pytest.param([BATCH], Counts(3, 3), 0, 0, "1 batch of changes, 3 rows, none rejected", id="batch"),
        pytest.param(
            [FILE, BATCH, BATCH],
            Counts(3, 3),
            0,
            0,
            "1 file, 2 batches of changes, 3 rows, none rejected",
            id="file and batches",
        ),
        pytest.param([FILE], Counts(), 0, 1, "the rows of 1 earlier file counted anew", id="counted anew"),
        pytest.param(
            [FILE] * 3,
            Counts(2, 2),
            0,
            2,
            "1 file, 2 rows, none rejected, the rows of 2 earlier files counted anew",
            id="work and counted anew",
        ),
        pytest.param([], Counts(), 0, 0, "nothing was worked through", id="nothing"),
    ],
)
def test_the_work_of_an_event_in_words(
    sources: list[Source], counts: Counts, refused: int, restated: int, sentence: str
) -> None:
    assert work_sentence(sources, counts, refused=refused, restated=restated) == sentence


def test_numbers_have_their_nouns() -> None:
    assert [counted(number, "load") for number in (0, 1, 2, 1234)] == ["0 loads", "1 load", "2 loads", "1,234 loads"]


def test_the_share_of_rejected_rows_is_a_number_also_where_there_is_no_row() -> None:
    assert [rejected_share(each) for each in (Counts(), Counts(4, 3, 1), Counts(2, 0, 2))] == [0.0, 0.25, 1.0]
