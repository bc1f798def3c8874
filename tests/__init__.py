"""Tests by what they need; days of tests are of any year, so the first day is set before the definitions are loaded."""

import os

os.environ["CESTA_FIRST_DAY"] = os.environ["CESTA_FIRST_ARRIVAL_DAY"] = "2015-01-01"
