"""Writes the lake's tables into the cloud template: `python -m deploy.tables`, after a spec has changed."""

from __future__ import annotations

import sys
from typing import Any, Final

import yaml

from deploy.stack import TEMPLATE
from pipeline_assets.lake.tables import LakeTable, lake_tables

BEGIN: Final = "  # Made from the specs by `python -m deploy.tables`: change them, not this.\n"
END: Final = "  # End of what is made from the specs.\n"
#: Logical ids of the buckets in the template.
_BUCKETS: Final = {"curated": "${CuratedBucket}", "quarantine": "${QuarantineBucket}"}


def tables_block() -> str:
    """The lines of the template between its two marks."""
    return "\n".join(_resource(table) for table in lake_tables())


def with_tables(template: str) -> str:
    """The template with its tables as the specs have them.

    Raises
    ------
    ValueError
        The template has not exactly one pair of marks.
    """
    if template.count(BEGIN) != 1 or template.count(END) != 1:
        raise ValueError(f"the template must have the line {BEGIN.strip()!r} once, and {END.strip()!r} after it")
    before, _, rest = template.partition(BEGIN)
    return f"{before}{BEGIN}\n{tables_block()}\n{END}{rest.partition(END)[2]}"


def _resource(table: LakeTable) -> str:
    storage = table.storage(_BUCKETS[table.bucket])
    lines = [
        f"  {table.name.title().replace('_', '')}Table:",
        "    Type: AWS::Glue::Table",
        "    Properties:",
        "      CatalogId: !Ref AWS::AccountId",
        "      DatabaseName: !Ref LakeDatabase",
        "      TableInput:",
        f"        Name: {table.name}",
        f"        {yaml.safe_dump({'Description': table.description}, width=10_000).strip()}",
        "        TableType: EXTERNAL_TABLE",
        '        Parameters: {EXTERNAL: "TRUE", classification: parquet}',
        "        PartitionKeys:",
        *(f"          - {_flow({'Name': name, 'Type': 'string'})}" for name in table.partitions),
        "        StorageDescriptor:",
        f"          Location: !Sub {storage['Location']}",
        f"          InputFormat: {storage['InputFormat']}",
        f"          OutputFormat: {storage['OutputFormat']}",
        f"          SerdeInfo: {_flow(storage['SerdeInfo'])}",
        "          Columns:",
        *(f"            - {_flow(column)}" for column in storage["Columns"]),
    ]
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:  # noqa: ANN401 - whatever YAML can say
    return str(yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False)).strip()


def main() -> None:
    """Rewrite the template in place."""
    template = TEMPLATE.read_text(encoding="utf-8")
    written = with_tables(template)
    TEMPLATE.write_text(written, encoding="utf-8")
    sys.stdout.write("the tables are as they were\n" if written == template else f"{TEMPLATE} has new tables\n")


if __name__ == "__main__":
    main()
