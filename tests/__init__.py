"""Tests by what they need; days of tests are of any year, so the first day is set before the definitions are loaded."""

import os

for _name in ("CESTA_FIRST_DAY", "CESTA_FIRST_PRICE_DAY", "CESTA_FIRST_ARRIVAL_DAY"):
    os.environ[_name] = "2015-01-01"
