"""The equity swing book as it is shipped, and one like it of which a strategy breaks on a day."""

from datetime import date
from pathlib import Path

import yaml
from tests.end_to_end.project import ROOT, lay_out

BOOK, DEGRADED = "equity_swing", "equity_degraded"
INCEPTION = date(2024, 7, 31)
#: In place of one of the five, and the same until it raises: while it holds a position and others trade.
REPLACED, BRITTLE = "volatility_breakout", "brittle"
BREAKS = date(2024, 8, 2)

_PLUG_IN = f'''

from nightdesk.strategies.volatility_breakout import VolatilityBreakout


@register
class Brittle(VolatilityBreakout):
    name = "{BRITTLE}"

    def signals(self, view):
        if str(view.sessions[-1]) == "{BREAKS}":
            raise ZeroDivisionError("a defect in a plug-in")
        return super().signals(view)


_policy_of_others = task_policy


def task_policy(task):
    _policy_of_others(task)
    if task.dag_id == "daily__{DEGRADED}" and task.task_id == "signals.{BRITTLE}":
        task.retries = 0
'''


def lay_out_equity(root: Path) -> None:
    """The usual project of a test with these two books in place of its own, both on the sample market."""
    lay_out(root)
    for path in (root / "books").glob("*.yaml"):
        path.unlink()
    settings = root / "config" / "airflow_local_settings.py"
    settings.write_text(settings.read_text() + _PLUG_IN)
    tree = yaml.safe_load((ROOT / "books" / f"{BOOK}.yaml").read_text())
    tree |= {"inception": INCEPTION, "feeds": {"daily": ["sample"], "news": ["sample"]}}
    degraded = tree | {"name": DEGRADED, "broker": {"kind": "paper", "account": "paper-equity-degraded"}}
    for name, book in {BOOK: tree, DEGRADED: degraded}.items():
        text = yaml.safe_dump(book, sort_keys=False)
        text = text.replace(REPLACED, BRITTLE) if name == DEGRADED else text
        (root / "books" / f"{name}.yaml").write_text(text)
