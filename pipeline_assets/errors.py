"""The base of all errors that a person is told of."""

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
