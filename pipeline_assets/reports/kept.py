"""Reports that take longer than their request may wait: what was asked, and the answer once there is one.

Both lie in the bucket of query results, below the tenant's own folder, under an id of 192 random bits, and go after a
day. An id is looked for in the folder of whoever asks, so that of another tenant is one that there is not.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.tenants import TenantId
from pipeline_assets.reports.request import Question, ReportRequest, SummaryRequest
from pipeline_assets.storage.bucket import Bucket

#: Beginning of all keys, by which the rule of the bucket that lets them go knows them.
PREFIX: Final = "reports/"
_ID: Final = re.compile(r"[A-Za-z0-9_-]{32}", re.ASCII)
_KINDS: Final[Mapping[str, type[Question]]] = {"report": ReportRequest, "summary": SummaryRequest}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, and is being answered.

    Parameters
    ----------
    question
        The question, with the days that it had when it was asked.
    tenant_name
        The tenant, as whoever asked names it.
    asked_at
        When.
    execution
        Id of the query that an engine goes on with; empty where another invocation answers.
    """

    question: Question
    tenant_name: str
    asked_at: datetime
    execution: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer to a question, as it is sent.

    Parameters
    ----------
    status
        Status of HTTP: 200, 202, or that of a problem, whose detail is the body.
    body
        JSON, CSV, or the sentence of a problem.
    media_type
        What the body is.
    headers
        Further headers.
    errors
        Of a problem: what is wrong with each field, as ``where``, ``given`` and ``allowed``.
    report
        Id under which the answer will be; empty unless the status is 202.
    """

    status: int
    body: str
    media_type: str = "application/json"
    headers: Mapping[str, str] | None = None
    errors: tuple[Mapping[str, str], ...] = ()
    report: str = ""


class KeptReports:
    """Questions and answers in a bucket.

    Parameters
    ----------
    bucket
        The bucket of query results.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def keep(self, tenant: TenantId, asked: Asked) -> str:
        """Keep a question.

        Parameters
        ----------
        tenant
            The tenant, in whose folder it lies.
        asked
            The question.

        Returns
        -------
        str
            The id under which it and its answer are found.

        Raises
        ------
        TransientError
            The bucket does not answer.
        """
        report = secrets.token_urlsafe(24)
        kind = next(name for name, of in _KINDS.items() if isinstance(asked.question, of))
        document = {
            "kind": kind,
            "question": asked.question.document(),
            "tenant_name": asked.tenant_name,
            "asked_at": iso_utc(asked.asked_at.astimezone(UTC)),
            "execution": asked.execution,
        }
        self._bucket.put(_key(tenant, report, "question"), json.dumps(document).encode())
        return report

    def asked(self, tenant: TenantId, report: str) -> Asked | None:
        """Find a question.

        Parameters
        ----------
        tenant
            Who asks for it.
        report
            Its id; any text.

        Returns
        -------
        Asked or None
            None where the tenant has none of that id.

        Raises
        ------
        TransientError
            The bucket does not answer.
        """
        found = self._read(tenant, report, "question")
        if found is None:
            return None
        # All its days are named, so that today is not asked for.
        question = _KINDS[found["kind"]].of(found["question"], date.max)
        return Asked(question, found["tenant_name"], datetime.fromisoformat(found["asked_at"]), found["execution"])

    def answer(self, tenant: TenantId, report: str, reply: Reply) -> None:
        """Keep the answer to a question.

        Parameters
        ----------
        tenant
            The tenant that asked.
        report
            Id of the question.
        reply
            The answer.

        Raises
        ------
        TransientError
            The bucket does not take it.
        """
        self._bucket.put(_key(tenant, report, "answer"), json.dumps(asdict(reply)).encode())

    def answered(self, tenant: TenantId, report: str) -> Reply | None:
        """Find an answer; None where the tenant has none under that id, any text; raises `TransientError`."""
        found = self._read(tenant, report, "answer")
        return None if found is None else Reply(**{**found, "errors": tuple(found["errors"])})

    def _read(self, tenant: TenantId, report: str, what: str) -> dict[str, Any] | None:
        content = self._bucket.read(_key(tenant, report, what)) if _ID.fullmatch(report) else None
        return None if content is None else json.loads(content)


def _key(tenant: TenantId, report: str, what: str) -> str:
    return f"{PREFIX}{tenant}/{report}.{what}.json"
