"""What `cesta reconcile` says of the items of a table, whatever flow follows its stream."""

from __future__ import annotations

import pytest

from deploy.cli.reconciling import _print_recovered
from pipeline_assets.compras.recover import Recovered as RecoveredPurchases
from pipeline_assets.search.recover import Recovered as RecoveredDocuments


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (RecoveredPurchases(1_800, 2), "2 changes of 1,800 purchases had no document"),
        (RecoveredDocuments(3_600, 5), "5 documents of 3,600 items were not as the table has them"),
    ],
)
def test_a_person_is_told_what_was_found(
    found: RecoveredPurchases | RecoveredDocuments, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _print_recovered(found, as_json=False)
    assert said in " ".join(capsys.readouterr().out.split())
