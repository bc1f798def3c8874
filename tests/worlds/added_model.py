"""The set with the model that the guide shows; nothing is imported here that is derived from the sets."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from pipeline_assets.analytics.global_market_pulse.prod_set import GLOBAL_MARKET_PULSE
from pipeline_assets.analytics.prod_set import Model, ProdSet

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "prod.md"


def added_set() -> ProdSet:
    """The set with its models and the one of the guide, where the first code is its file and the second declares it."""
    module, declared = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (address,) = re.findall(r'"([\w.]+:\w+)"', declared)
    place, _, function = address.partition(":")
    own = ModuleType(place)
    exec(module, own.__dict__)  # noqa: S102 - the guide is our own
    sys.modules[place] = own
    model: Model = eval(declared, {"Model": Model, "store_orders": own})  # noqa: S307 - likewise
    assert model.function is getattr(own, function)
    return replace(GLOBAL_MARKET_PULSE, models=(*GLOBAL_MARKET_PULSE.models, model))
