"""The function that answers named queries: what it answers, page by page, and what it says where it cannot."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from pipeline_assets.queries import function
from pipeline_assets.queries.answer import Answer
from pipeline_assets.queries.duckdb_engine import DuckDbEngine
from pipeline_assets.queries.function import answer_request
from pipeline_assets.queries.named_query import NamedQuery
from pipeline_assets.queries.paging import has_places
from pipeline_assets.queries.sql import queries, query
from tests.worlds.prod_rows import NEWER, OLDER, PROD_ANSWERS, PROD_BUCKETS
from tests.worlds.sql import ANSWERS, lake_buckets

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: Where every row is listed, of every query.
ALL = {"first_day": "2026-03-01", "last_day": "2026-03-02"}


def whole(asked: NamedQuery) -> dict[str, Any]:
    """Parameters of a request, as JSON has them."""
    given = {name: value for name, value in ANSWERS[asked.name][0].items() if name != "after"}
    paged = {name: value for name, value in given.items() if not (has_places(asked) and name == "limit")}
    return {name: value if isinstance(value, int) else str(value) for name, value in paged.items()}


def test_an_answer_has_types_and_exact_amounts_as_text(duck: DuckDbEngine) -> None:
    answer = answer_request({"name": "sales_outlook", "limit": 1}, duck)
    assert json.loads(json.dumps(answer)) == answer
    assert answer["query"] == "sales_outlook"
    assert answer["parameters"] == {
        "as_of": NEWER,
        "level": "total",
        "key": None,
        "grain": "day",
        "currency": None,
    }
    assert answer["columns"][0] == {"name": "place", "type": "bigint"}
    assert {"name": "forecast", "type": "decimal"} in answer["columns"]
    (row,) = answer["rows"]
    assert (row["place"], row["period"], row["forecast"]) == (1, "2026-03-03", "99999999.99")
    assert (answer["scanned_bytes"] > 0, answer["seconds"] > 0, answer["cost_usd"] > 0) == (True, True, True)
    assert answer["next_page"]


@pytest.mark.parametrize("asked", queries(), ids=lambda asked: asked.name)
def test_pages_add_up_to_the_whole_each_row_once(duck: DuckDbEngine, asked: NamedQuery) -> None:
    parameters = whole(asked)
    full = answer_request({"name": asked.name, "parameters": parameters}, duck)
    assert full["next_page"] is None
    rows: list[Any] = []
    request: dict[str, Any] = {"name": asked.name, "parameters": parameters, "limit": 2}
    for _ in range(len(full["rows"]) // 2 + 1):
        answer = answer_request(request, duck)
        assert len(answer["rows"]) <= 2
        rows += answer["rows"]
        if answer["next_page"] is None:
            break
        # The parameters may be said again, or not.
        request = {"name": asked.name, "page": answer["next_page"], "limit": 2}
        request |= {"parameters": parameters} if len(rows) > 2 else {}
    assert answer["next_page"] is None
    assert rows == full["rows"]
    assert len(rows) >= 1


def test_all_pages_are_of_one_day_whatever_is_made_meanwhile(duck: DuckDbEngine, s3: S3Client) -> None:
    first = answer_request({"name": "slowest_questions", "limit": 1}, duck)
    bucket, later = PROD_BUCKETS["retail-copilot"], "as_of=2026-03-10"
    newest = f"query_templates/as_of={OLDER}/part.parquet"
    s3.copy_object(Bucket=bucket, Key=f"query_templates/{later}/part.parquet", CopySource=f"{bucket}/{newest}")
    s3.put_object(Bucket=bucket, Key=f"_manifests/{later}.json", Body=b"{}")
    try:
        assert answer_request({"name": "slowest_questions"}, duck)["parameters"]["as_of"] == "2026-03-10"
        second = answer_request({"name": "slowest_questions", "page": first["next_page"]}, duck)
    finally:
        for key in (f"query_templates/{later}/part.parquet", f"_manifests/{later}.json"):
            s3.delete_object(Bucket=bucket, Key=key)
    assert second["parameters"]["as_of"] == NEWER
    listed = [row["place"] for row in (*first["rows"], *second["rows"])]
    assert listed == [place for place, *_ in PROD_ANSWERS["slowest_questions"][1]]


def test_a_query_is_listed_with_what_it_takes_and_gives(duck: DuckDbEngine) -> None:
    listed = answer_request({}, duck)["queries"]
    assert [each["name"] for each in listed] == [each.name for each in queries()]
    outlook = next(each for each in listed if each["name"] == "sales_outlook")
    assert outlook["parameters"]["as_of"] == {
        "takes": "a day such as 2026-03-01, or newest",
        "default": "newest",
        "required": False,
        "meaning": "Day that the set was made as of",
    }
    assert outlook["columns"]["forecast"] == "What is expected to be sold"


def token(**changed: Any) -> str:
    document = {"query": "fraud_found", "parameters": {"as_of": NEWER}, "asked": "", "after": 1} | changed
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode()


@pytest.mark.parametrize(
    ("request_", "code", "said"),
    [
        pytest.param(None, "bad_request", "a request is a document with `name`", id="nothing"),
        pytest.param([1], "bad_request", "a request is a document", id="a list"),
        pytest.param({"name": 5}, "bad_request", "`name` must be the name of a query", id="a name that is a number"),
        pytest.param({"limit": 5}, "bad_request", "`name` must be the name", id="no name"),
        pytest.param({"name": "fraud_found", "sql": "SELECT 1"}, "bad_request", "not `sql`", id="a word too many"),
        pytest.param(
            {"name": "fraud_found", "parameters": [1]}, "bad_request", "values by name", id="a list of values"
        ),
        pytest.param({"name": "fraud"}, "unknown_query", "There is no query `fraud`; there are `alerts", id="name"),
        pytest.param(
            {"name": "../sql/fraud_found"}, "unknown_query", "There is no query `../sql/fraud_found`", id="a path"
        ),
        pytest.param(
            {"name": "daily_sales", "parameters": {"day": "today"}},
            *("unknown_parameter", "has no parameter `day`; it takes `first_day`, `last_day`"),
            id="an unknown parameter",
        ),
        pytest.param(
            {"name": "fraud_found", "parameters": {"limit": 5}},
            *("unknown_parameter", "`limit` and `page` stand beside `parameters`"),
            id="the limit among the parameters",
        ),
        pytest.param(
            {"name": "daily_sales", "parameters": {"first_day": "2026-02-30"}},
            *("bad_parameter", "`first_day` must be a day such as"),
            id="a day that there is not",
        ),
        pytest.param(
            {"name": "daily_sales", "parameters": {"first_day": 20260301}},
            *("bad_parameter", "`first_day` must be a day such as"),
            id="a number for a day",
        ),
        pytest.param(
            {"name": "top_products", "parameters": {"limit": "5"}},
            *("bad_parameter", "`limit` must be a whole number"),
            id="a text for a number",
        ),
        pytest.param(
            {"name": "top_products", "parameters": {"limit": True}},
            *("bad_parameter", "`limit` must be a whole number"),
            id="a truth for a number",
        ),
        pytest.param(
            {"name": "sales_outlook", "parameters": {"level": "region"}},
            *("bad_parameter", "`level` must be one of total, store, category"),
            id="no choice",
        ),
        pytest.param(
            {"name": "sales_outlook", "parameters": {"key": ["7"]}}, "bad_parameter", "`key` must be a text", id="list"
        ),
        pytest.param(
            {"name": "sales_outlook", "parameters": {"as_of": "today"}},
            *("bad_parameter", "`as_of` must be a day such as 2026-03-01, or newest"),
            id="a day of the calendar",
        ),
        pytest.param(
            {"name": "sales_outlook", "parameters": {"level": None}}, "bad_parameter", "`level` must be", id="null"
        ),
        pytest.param(
            {"name": "fraud_found", "parameters": {"as_of": "2026-03-03"}},
            *("unknown_day", f"`compliance-guardian` was not made as of 2026-03-03; the newest day is {NEWER}."),
            id="a day without a set",
        ),
        pytest.param({"name": "fraud_found", "limit": 0}, "bad_parameter", "from 1 to 1000, not 0", id="no rows"),
        pytest.param({"name": "fraud_found", "limit": 1001}, "limit_too_high", "1 to 1000, not 1001", id="many rows"),
        pytest.param({"name": "fraud_found", "limit": "5"}, "bad_parameter", "1 to 1000, not '5'", id="rows as text"),
        pytest.param({"name": "fraud_found", "page": "x"}, "bad_page", "`page` is not the `next_page`", id="no token"),
        pytest.param({"name": "fraud_found", "page": 3}, "bad_request", "`page` must be the", id="a number of a page"),
        pytest.param({"name": "fraud_found", "page": "bnVsbA=="}, "bad_page", "is not the", id="a token of null"),
        pytest.param({"name": "slowest_questions", "page": token()}, "bad_page", "is not", id="another query's page"),
        pytest.param({"name": "fraud_found", "page": token(after=-1)}, "bad_page", "is not", id="before the first"),
        pytest.param({"name": "fraud_found", "page": token(after="1; DROP")}, "bad_page", "is not", id="no place"),
        pytest.param(
            {"name": "fraud_found", "page": token(parameters={"as_of": "1' OR ''='"})},
            *("bad_parameter", "`as_of` must be a day"),
            id="a value that the token had not",
        ),
        pytest.param(
            {"name": "fraud_found", "page": token(), "parameters": {"as_of": OLDER}}, "bad_page", "is not", id="other"
        ),
    ],
)
def test_what_cannot_be_answered_is_said_in_a_sentence(
    duck: DuckDbEngine, request_: object, code: str, said: str
) -> None:
    answer = answer_request(request_, duck)
    assert answer.keys() == {"error"}
    assert answer["error"].keys() == {"code", "message"}
    assert answer["error"]["code"] == code
    assert said in answer["error"]["message"]
    assert not [sign for sign in ("Traceback", "File ", "\n") if sign in answer["error"]["message"]]
    assert f"\n{code} " in str(function.__doc__)


@pytest.mark.parametrize("value", ["' OR ''='", "x'; DROP TABLE fraud; --", "?", "7 /* key */", "\\'", "李"])
def test_what_is_in_a_parameter_stays_a_value(duck: DuckDbEngine, value: str) -> None:
    answer = answer_request({"name": "sales_outlook", "parameters": {"level": "store", "key": value}}, duck)
    assert (answer["rows"], answer["parameters"]["key"]) == ([], value)


def test_a_query_that_takes_too_long_is_said(duck: DuckDbEngine) -> None:
    answer = answer_request({"name": "daily_sales", "parameters": ALL}, _Endless(duck), 0.2)
    assert answer["error"]["code"] == "timed_out"


def test_a_store_that_is_gone_is_said(s3: S3Client) -> None:
    engine = DuckDbEngine(lake_buckets(s3, curated="no-such-bucket"))
    assert answer_request({"name": "daily_sales"}, engine)["error"]["code"] == "not_available"


def test_an_object_that_is_no_parquet_is_said(s3: S3Client, duck: DuckDbEngine) -> None:
    bucket, key = PROD_BUCKETS["compliance-guardian"], f"risk_scores/as_of={OLDER}/part.parquet"
    before = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.put_object(Bucket=bucket, Key=key, Body=b"no parquet at all")
    try:
        answer = answer_request({"name": "fraud_found", "parameters": {"as_of": OLDER}}, duck)
    finally:
        s3.put_object(Bucket=bucket, Key=key, Body=before)
    assert answer["error"]["code"] == "failed"
    assert "`fraud_found` could not be answered" in answer["error"]["message"]


def test_a_page_larger_than_a_function_may_answer_is_said(duck: DuckDbEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function, "_MOST_BYTES", 500)
    answer = answer_request({"name": "riskiest_payments"}, duck)
    assert answer["error"]["code"] == "answer_too_large"


@dataclass
class _Endless:
    """An engine that has to count some 10^13 rows before it answers anything."""

    duck: DuckDbEngine

    def run(self, asked: NamedQuery, _parameters: Mapping[str, object], seconds: float | None = None) -> Answer:
        many = " CROSS JOIN ".join(f"orders AS o{number}" for number in range(12))
        endless = NamedQuery(asked.name, "", "", (), {}, f"SELECT count(*) AS n FROM {many}")  # noqa: S608 - ours
        return self.duck.run(endless, {}, seconds)


def test_every_query_of_a_prod_set_has_places() -> None:
    assert {name for name in PROD_ANSWERS if has_places(query(name))} == set(PROD_ANSWERS)
