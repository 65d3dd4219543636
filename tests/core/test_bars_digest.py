"""The digest of bars: the same for the same bars in any process, another for any other bar."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from nightdesk.core.bars_digest import bars_digest
from nightdesk.core.funding import FundingHistory
from nightdesk.testing.random_panels import random_panel

CODE = """
from dataclasses import replace
from nightdesk.core.bars_digest import bars_digest
from nightdesk.core.funding import FundingHistory
from nightdesk.testing.random_panels import random_panel
named = FundingHistory((), frozenset({"A-PERP", "B-PERP", "C-PERP"}))
print(bars_digest(replace(random_panel(5, 40), funding=named)))
"""


def test_the_same_bars_have_one_digest_in_any_process() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", CODE],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


@pytest.mark.parametrize("name", ["open", "close", "volume", "dividend", "split", "accepted"])
def test_one_other_number_is_another_digest(name: str) -> None:
    panel = random_panel(5, 40)
    changed = getattr(panel, name).copy()
    changed[7, 0] += 0.5
    assert bars_digest(replace(panel, **{name: changed})) != bars_digest(panel)


def test_a_panel_cut_short_another_name_and_another_rate_are_other_bars() -> None:
    panel = random_panel(5, 40)
    digests = {
        bars_digest(panel),
        bars_digest(panel.until(len(panel) - 1)),
        bars_digest(replace(panel, symbols=("OTHER", *panel.symbols[1:]))),
        bars_digest(replace(panel, funding=FundingHistory((), frozenset({"X"})))),
        bars_digest(replace(panel, facts={"earnings": np.full_like(panel.close, np.nan)})),
    }
    assert len(digests) == 5
