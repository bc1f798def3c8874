"""Which objects are no data by their names: one rule, wherever objects are looked at."""

import pytest

from pipeline_assets.events.names import is_left_alone

LEFT_ALONE = [
    "2026/",
    "/",
    "stocks/2026/11/",
    "out_$folder$",
    "_SUCCESS",
    "out/_SUCCESS",
    "out/_SUCCESS.crc",
    "out/_started_4715",
    "out/_committed_4715",
    "out/_metadata",
    "out/_common_metadata",
    "out/_delta_log/00000000000000000000.json",
    "_temporary/0/task_1/part-0.csv",
    "orders/load=2026-11-20/_temporary/part-0.parquet",
    "customers/.part-0.parquet.crc",
    "customers/part-0.parquet.crc",
    "2026/part-0.csv._COPYING_",
    ".DS_Store",
    "2026/._2026-11-20.csv",
    "__MACOSX/2026-11-20.csv",
    ".git/config",
    ".staging/2026-11-20.csv",
    "_tickets.csv",
    "2026/_archive/t.csv",
    "_loads/",
    "_loads/load=2026-11-20/_SUCCESS",
    "_loads/.hidden/x.json",
    "_loads.csv",
]
DATA = [
    "2026-11-20.csv",
    "2026/11/20.csv.gz",
    "store_1/a_b_.csv",
    "a._b.csv",
    "my.files/x.csv",
    "load=2026-11-20/x.parquet",
    "orders/load=2026-11-20/20261120T191500123456Z-0001.parquet",
    "customers/_year=2026/part-0.parquet",
    "a//b.csv",
    "/data/a.csv",
    "SUCCESS",
    "temporary/x.csv",
    "crc.csv",
    "x.crc.csv",
    " _x.csv",
    "café/días.csv",
    "_loads/load=2026-11-20/20261120T191500123456Z.json",
    "_loads/load=2026-11-20/20261120T191500123456Z.begun",
    "_keys/orders/20261120T191500123456Z.parquet",
]


@pytest.mark.parametrize("key", LEFT_ALONE)
def test_what_tools_leave_beside_data_is_left_alone(key: str) -> None:
    assert is_left_alone(key)


@pytest.mark.parametrize("key", DATA)
def test_data_is_not(key: str) -> None:
    assert not is_left_alone(key)
