"""The book of mean reversion and pairs on companies of the sample market that end, split or are renamed.

It is the book as it is shipped, with a pool of its own and entries that are easy to reach: what happens to a
company shall happen while it is held, and pairs be traded meanwhile.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from tests.conftest import PROJECT

from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.core.facts import EARNINGS, LISTINGS, QUOTES
from nightdesk.feeds.sample import SampleFeed
from nightdesk.feeds.sample_facts import SampleFacts
from nightdesk.feeds.sample_oddities import RENAMED
from nightdesk.feeds.sample_pairs import PLANTED_PAIRS

BOOK = "reversion_pairs"
ODD = (
    "GONAT", "GONET", "GONIT", "GONOT", "GONUT", "GONAS", "NEWES", "SPLAS", "SPLES", "REVES", *RENAMED[:2],
)  # fmt: skip
FACTS = (LISTINGS, QUOTES, EARNINGS)
LEGS = tuple(symbol for pair in PLANTED_PAIRS[:12] for symbol in (pair.a, pair.b))


@dataclass(frozen=True)
class Scene:
    """Sessions in which something happens to a symbol in session `day`.

    `before` sessions are decided before it, `after` from it on.
    """

    symbol: str
    day: date
    before: int
    after: int

    @property
    def sessions(self) -> list[date]:
        """All that are decided."""
        calendar = get_calendar()
        first, last = calendar.shift(self.day, -self.before), calendar.shift(self.day, self.after - 1)
        return [as_date(one) for one in calendar.between(first, last)]


def odd_tree(pool: Path, inception: date) -> dict[str, Any]:
    """The book; `pool` is where the file of its pool is."""
    tree: dict[str, Any] = yaml.safe_load((PROJECT / "books" / f"{BOOK}.yaml").read_text())
    tree["inception"] = inception
    screen = tree["universe"]["screen"]
    screen |= {"pool": f"files:{pool}", "size": 30}
    screen["criteria"] |= {"adx": None, "atr_share": None, "bb_width": None}
    screen["pairs"] |= {"p_value": 0.2}
    reversion, pairs = (tree["strategies"][name]["params"] for name in ("mean_reversion", "pairs"))
    reversion |= {"buy_below": 60, "volume_above": 0.8, "width": 1, "stop": 0.06, "sessions": 8}
    pairs |= {"enter": 1.0, "volatility_window": 5, "volatility_mean": 20}
    tree["limits"]["group_count"] = {"limit": 6}
    return tree


def write_odd_book(folder: Path, inception: date, last: date, **changed: Any) -> Path:
    """Write the book, its pool, its bars and its facts up to `last` to a folder; `changed` are keys of the
    book.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pool, market, facts = folder / "pool.csv", folder / "market", folder / "facts"
    pool.write_text("\n".join(["symbol", *ODD, *LEGS]) + "\n")
    first = get_calendar().shift(inception, -1000)
    _write_market(market, first, last)
    _write_facts(facts, first, last)
    tree = odd_tree(pool, inception)
    tree["feeds"] = {"daily": [f"files:{market}"]} | {kind.name: [f"files:{facts}"] for kind in FACTS}
    path = folder / f"{BOOK}.yaml"
    path.write_text(yaml.safe_dump(tree | changed, sort_keys=False))
    return path


def _write_market(folder: Path, first: date, last: date) -> None:
    """The sample market with every bar on time: of one that comes a session late a backtest, which fetches
    later, knows more than the decision of the day.
    """
    calendar = get_calendar()
    # what is late is there once a span reaches beyond its session
    found = SampleFeed(calendar).fetch([*ODD, *LEGS, "SPY", "^VIX"], first, calendar.shift(last, 1))
    folder.mkdir()
    bars = found.bars[found.bars["session"] <= str(last)].rename(columns={"session": "date"})
    bars.drop(columns="source").to_csv(folder / "bars.csv", index=False, date_format="%Y-%m-%d")
    columns = ["symbol", "session", "kind", "value", "other", "cash"]
    found.actions[columns].to_csv(folder / "actions.csv", index=False, date_format="%Y-%m-%d")


def _write_facts(folder: Path, first: date, last: date) -> None:
    """What is known of the stocks beside their bars, in every version."""
    folder.mkdir()
    for kind in FACTS:
        rows = SampleFacts().fetch(kind, [*ODD, *LEGS], first, last).rows
        for name in rows.select_dtypes("datetime").columns:
            rows[name] = rows[name].dt.strftime("%Y-%m-%d" if name != "known_at" else "%Y-%m-%dT%H:%M:%S.%fZ")
        rows.to_csv(folder / f"{kind.name}.csv", index=False)
