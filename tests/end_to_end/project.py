"""The project of a desk under test: this one's code, books of its own, and a strategy of a test."""

from datetime import date
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
BOOK = "multi_asset"
INCEPTION = date(2025, 1, 3)

#: Books beside it: one whose bars a test's own server gives, one with a strategy that never speaks, and one
#: that is wrong.
VENDOR, TWO_VOICES, WRONG = "vendor", "two_voices", "wrong"
#: A book whose tasks are tried once, and one of whose strategies fails with a secret in its error.
FRAGILE = "fragile"
PLANTED_VARIABLE = "NIGHTDESK_ACCOUNT_PLANTED_SECRET"
LEAKY_STRATEGY = "leaky"
SILENT_STRATEGY = "silent"
SILENT = f'''

from nightdesk.core.errors import Refused
from nightdesk.strategies import register
from nightdesk.strategies.time_series_momentum import TimeSeriesMomentum


@register
class Silent(TimeSeriesMomentum):
    name = "{SILENT_STRATEGY}"

    def signals(self, view):
        raise Refused("a strategy of a test that never speaks")


@register
class Leaky(TimeSeriesMomentum):
    name = "{LEAKY_STRATEGY}"

    def signals(self, view):
        import os

        raise RuntimeError("401 for " + os.environ["{PLANTED_VARIABLE}"])


def task_policy(task):
    if task.dag_id == "daily__{FRAGILE}":
        task.retries = 0


__all__ += ["task_policy"]
'''


def lay_out(root: Path) -> None:
    """A project that shares this one's code and has books of its own, and a strategy of a test."""
    for made in ("books", "config"):
        (root / made).mkdir(parents=True)
    for shared in ("dags", "plugins", "sql"):
        (root / shared).symlink_to(ROOT / shared)
    # Every process of Airflow imports it, so each of them knows the strategy.
    settings = (ROOT / "config" / "airflow_local_settings.py").read_text()
    (root / "config" / "airflow_local_settings.py").write_text(settings + SILENT)
    tree = yaml.safe_load((ROOT / "books" / f"{BOOK}.yaml").read_text())
    tree |= {"inception": INCEPTION, "feeds": {"daily": ["sample"]}}
    # The sample market moves together: its books would begin at a level, and say so in a mail.
    tree["levels"] |= {"average_correlation": 1.0, "every_correlation": 1.0}
    speaking = "time_series_momentum"
    alone = {speaking: tree["strategies"][speaking] | {"share": 1.0}}
    halves = {name: {"share": 0.5} for name in (SILENT_STRATEGY, speaking)}
    leaking = {name: {"share": 0.5} for name in (LEAKY_STRATEGY, speaking)}
    books = {
        BOOK: tree,
        VENDOR: tree
        | {
            "feeds": {"daily": ["yahoo"]},
            "universe": {"SPY": tree["universe"]["SPY"]},
            "levels": None,
            "strategies": alone,
        },
        TWO_VOICES: tree | {"strategies": halves},
        FRAGILE: tree | {"strategies": leaking},
        WRONG: tree | {"universe": {"SPY": {"max_weight": -0.4}}},
    }
    for name, book in books.items():
        own = {"name": name, "broker": {"kind": "paper", "account": f"paper-{name}"}}
        (root / "books" / f"{name}.yaml").write_text(yaml.safe_dump(book | own, sort_keys=False))
