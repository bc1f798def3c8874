"""`cesta invoke` ends with 1 where the answer of a function names a failure, also of some records alone."""

from __future__ import annotations

import pytest

from deploy.cli.invoking import names_failure


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        ({"batchItemFailures": [{"itemIdentifier": "8"}]}, True),
        ({"error": {"code": "unknown_query", "message": "There is no query `x`."}}, True),
        ({"batchItemFailures": []}, False),
        ({"rows": [], "errors": []}, False),
        ([{"error": "of a list"}], False),
        (None, False),
    ],
)
def test_an_answer_that_names_a_failure_is_one(answer: object, *, failed: bool) -> None:
    assert names_failure(answer) is failed
