"""Every piece of a book that a page shows is read without a fault in a book that has what it speaks of."""

import re
import textwrap
from pathlib import Path

import pytest
import yaml

from nightdesk.core.book import Book
from nightdesk.session.books import read_book

DOCS = Path(__file__).resolve().parents[2] / "docs"

#: A fence, or lines behind an empty one that are indented by four.
FENCED = re.compile(r"^ *```yaml\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"(?<=\n\n)(?: {4}\S[^\n]*\n(?: {4}[^\n]*\n)*)")

#: What the pieces speak of. Paths are relative to the folder in which a test works.
AROUND = """
name: shown
title: Shown in the docs
initial_capital: 100000.00
broker: {kind: paper, account: paper-shown}
feeds: {daily: ["files:bars"], hourly: ["files:bars"]}
universe:
  SPY: {max_weight: 0.6}
  GLD: {max_weight: 0.2}
  BTC-USD: {asset_class: crypto, unit: 0.0001, max_weight: 0.1}
strategies:
  trend: {kind: time_series_momentum, share: 0.5}
  reversion: {kind: rsi_mean_reversion, sizing: atr_risk, share: 0.5}
regime:
  - {name: CALM, below: 30}
  - {name: ROUGH, entries: false}
limits:
  max_weight: {}
  cash_buffer: {limit: 0.05}
"""


BARS, HOURS = "date,symbol,open,high,low,close,volume", "bar_start_et,symbol,open,high,low,close,volume"

FACTS = {
    "macro": "series,period,value",
    "positioning": "code,report_date,long,short,open_interest",
    "earnings": "symbol,fiscal_end,report_date",
    "quotes": "symbol,session,bid,ask",
}


def lay(path: Path, header: str, rows: list[str]) -> None:
    """Write a CSV."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n")


def pieces(page: Path) -> list[str]:
    """The pieces of YAML of a page that begin with a key of a book."""
    text = page.read_text()
    found = (textwrap.dedent(one) for one in [*FENCED.findall(text), *INDENTED.findall(text)])
    return [one for one in found if one.partition(":")[0] in Book.model_fields]


PIECES = [(page.name, one) for page in sorted(DOCS.rglob("*.md")) for one in pieces(page)]


@pytest.mark.parametrize(("page", "piece"), PIECES)
def test_what_a_page_shows_of_a_book_is_read(
    page: str, piece: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "pullback:" in piece:
        pytest.skip("the template's strategy is tried with its template")
    tree, shown = yaml.safe_load(AROUND), yaml.safe_load(piece)
    if "accounts" in shown:
        del tree["broker"]
    universe = shown.pop("universe", {})
    tree["universe"] = universe if {"members", "screen"} & universe.keys() else tree["universe"] | universe
    if any("perpetual" in str(one) for one in universe.values()):
        tree["strategies"] = {"trend": {"kind": "time_series_momentum", "share": 1.0}}
    tree["limits"] |= shown.pop("limits", {})
    path = tmp_path / f"{shown.get('name', 'shown')}.yaml"
    path.write_text(yaml.safe_dump(tree | shown, sort_keys=False))
    symbols = ["SPY", "^VIX", *tree["universe"]]
    lay(tmp_path / "bars" / "daily.csv", BARS, [f"2020-01-02,{one},1,1,1,1,1" for one in symbols])
    lay(tmp_path / "bars" / "hourly.csv", HOURS, [f"2020-01-02 10:00,{one},1,1,1,1,1" for one in symbols])
    for kind, header in FACTS.items():
        lay(tmp_path / "facts" / f"{kind}.csv", header, [])
    lay(tmp_path / "headlines" / "headlines.csv", "published_at,headline,source,symbol", [])
    monkeypatch.chdir(tmp_path)
    assert read_book(path).symbols


def test_the_pages_show_pieces_of_books() -> None:
    shown = {page for page, _ in PIECES}
    assert shown >= {
        "accounts.md",
        "book.md",
        "data.md",
        "instruments.md",
        "members.md",
        "risk.md",
        "strategy.md",
        *("polygon.md", "alpaca.md", "yahoo.md", "tiingo.md", "binance.md", "bybit.md", "files.md"),
    }
    assert len(PIECES) > 20
