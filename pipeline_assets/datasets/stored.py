"""Stored columns of a dataset: those of raw and curated objects and of tables, with personal data replaced."""

from pipeline_assets.datasets.spec import Column, Dataset

_LAST_FOUR = "last four digits of the {name}"
_OR_UNREADABLE = "{text}; unreadable where something else was given"
_TOKEN = "keyed token of the {name}: the same one has the same token while the key is the same"  # noqa: S105 - a description


def stored_columns(dataset: Dataset) -> tuple[Column, ...]:
    """Columns that are written of a dataset, in order.

    Returns
    -------
    tuple of Column
        A card number `<name>_number` gives `<name>_last_four`, `<name>_issuer` and `<name>_token`, a social security
        number `<name>` gives `<name>_last_four` and `<name>_token`, a security code nothing; any other column stays.
    """
    return tuple(stored for column in dataset.columns for stored in stored_as(column))


def stored_as(column: Column) -> tuple[Column, ...]:
    """Columns that are written of one column of the source."""
    stem = column.name.removesuffix("_number")
    said = _LAST_FOUR if column.personal == "card_number" else _OR_UNREADABLE.format(text=_LAST_FOUR)
    last_four = _replaced(column, f"{stem}_last_four", said)
    token = _replaced(column, f"{stem}_token", _TOKEN)
    if column.personal == "security_code":
        return ()
    if column.personal == "card_number":
        return (
            last_four,
            _replaced(column, f"{stem}_issuer", _OR_UNREADABLE.format(text="network of the {name}, such as visa")),
            token,
        )
    return (last_four, token) if column.personal == "ssn" else (column,)


def _replaced(column: Column, name: str, meaning: str) -> Column:
    said = meaning.format(name=column.meaning)
    return Column(name, "text", said, nullable=column.nullable, optional=column.optional)
