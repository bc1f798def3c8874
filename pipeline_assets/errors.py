"""Errors on the ground floor: what decides whether an event is tried again, and what a person is told of."""

from __future__ import annotations


class UserError(Exception):
    """An error told to a person as one sentence and without a traceback: they can mend what it names.

    Whoever talks to people (the command line, a script's ``main``) catches this one class and prints it.

    Parameters
    ----------
    what
        What is wrong, or the whole sentence where the words do not fall into parts.
    where
        The file, object, setting or option it is wrong in; comes first in the sentence.
    expected
        What would have been right; comes last in the sentence.

    Examples
    --------
    >>> str(UserError("the column store is missing", where="shop.csv", expected="seven columns"))
    'shop.csv: the column store is missing; expected seven columns'
    """

    def __init__(self, what: str, *, where: str = "", expected: str = "") -> None:
        sentence = f"{where}: {what}" if where else what
        super().__init__(f"{sentence}; expected {expected}" if expected else sentence)
        self.what = what
        self.where = where
        self.expected = expected


class IngestError(Exception):
    """Base of the errors that decide an event's fate; carries what a log line and a receipt need to name it.

    Attributes: `flow`, `object_uri` (empty when no object is known), `rule` (short name of what was violated).
    """

    def __init__(self, message: str, *, flow: str = "", object_uri: str = "", rule: str = "") -> None:
        super().__init__(message)
        self.flow = flow
        self.object_uri = object_uri
        self.rule = rule

    def attributes(self) -> dict[str, str]:
        """What identifies the failure, for structured logs."""
        return {"flow": self.flow, "object_uri": self.object_uri, "rule": self.rule, "error": str(self)}


class TransientError(IngestError):
    """The target is down, throttled or busy: the event must be delivered again."""


class TerminalError(IngestError, UserError):
    """The input can never succeed as it is: it is quarantined and not delivered again; whoever gave it is told."""


class TimeBudgetReachedError(IngestError):
    """The work was stopped at its time budget with everything done so far committed: a continuation goes on.

    `moved` says that a step forward was made. Without one the event is delivered again instead, so that it is counted:
    a continuation would go round for ever.
    """

    def __init__(self, message: str, *, flow: str = "", object_uri: str = "", moved: bool = False) -> None:
        super().__init__(message, flow=flow, object_uri=object_uri, rule="time_budget")
        self.moved = moved
