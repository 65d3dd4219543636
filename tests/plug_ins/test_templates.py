"""The templates of the docs, copied as the docs say, pass their own tests and run a book."""

import json
import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Command
from tests.plug_ins.conftest import PROJECT, TEMPLATES, Home
from tests.plug_ins.test_plug_ins import run
from tests.strategies.swing_bars import flat_bars

from nightdesk import strategies
from nightdesk.feeds import make

KINDS = sorted(path.stem for path in TEMPLATES.glob("*.py") if not path.stem.startswith("test_"))

#: One of each kind but the factor, which its own test computes.
CHANGED = {
    "strategies": {
        "pullback": {
            "share": 1.0,
            "sizing": "equal_parts",
            "sizing_params": {"parts": 2},
            "params": {"buy_below": 45},
        }
    },
    "limits": {"max_weight": {}, "price_floor": {"limit": 10.0}},
    "accruals": {"custody": {"rate": 0.05}},
    "feeds": {"daily": ["one_file_each"]},
    "broker": {"kind": "by_hand", "account": "my-hand"},
}


def test_every_template_passes_its_own_tests_where_the_docs_put_them(home: Home) -> None:
    home.copy(*KINDS, *(f"test_{name}" for name in KINDS))
    ran = run(home, "pytest", "-v", "-p", "no:cacheprovider", "-p", "no:xdist", "plugins/own")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert set(re.findall(r"/test_(\w+)\.py::.* PASSED", ran.stdout)) == set(KINDS)


@pytest.fixture
def bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file a symbol, of the sample market, where the feed of the templates looks."""
    folder = tmp_path / "bars"
    folder.mkdir()
    feed = make("sample")
    rows = feed.fetch(("SPY", "TLT", "^VIX"), date(2020, 1, 2), date(2024, 12, 31)).bars
    for symbol, own in rows.rename(columns={"session": "date"}).groupby("symbol"):
        own.drop(columns=["symbol", "source"]).to_csv(folder / f"{symbol}.csv", index=False)
    monkeypatch.setenv("NIGHTDESK_BARS", str(folder))


@pytest.mark.usefixtures("bars")
def test_a_book_of_templates_is_checked_and_simulated_and_swept(home: Home) -> None:
    home.copy(*KINDS)
    home.book(**CHANGED)
    nightdesk = Command()
    nightdesk("books")
    span = ("--from", "2024-01-02", "--to", "2024-12-30")
    out = home.root / "out"
    nightdesk("backtest", "two_funds", *span, "--out", out)
    metrics = json.loads((out / "metrics.json").read_text())
    assert re.fullmatch(r"[^+]+\+[0-9a-f]{12}\.[0-9a-f]{12}", metrics["code_version"])
    trades = (out / "trades.csv").read_text().splitlines()
    assert len(trades) > 3
    assert any("RSI" in row for row in trades)
    swept = nightdesk.document(
        *("sweep", "two_funds", *span, "--out", home.root / "swept", "--jobs", "2"),
        *("--set", "strategies.pullback.params.buy_below=40,45"),
    )
    assert [one["refused"] for one in swept["points"]] == [None, None]


def test_the_docs_show_the_template_itself() -> None:
    text = (PROJECT / "docs" / "strategy.md").read_text()
    for name in ("pullback", "test_pullback"):
        shown = "".join(f"   {line}" if line.strip() else line for line in lines_of(name))
        assert shown in text, name


def lines_of(name: str) -> list[str]:
    return (TEMPLATES / f"{name}.py").read_text().splitlines(keepends=True)


def test_every_template_is_named_by_the_page_and_has_its_tests() -> None:
    page = (PROJECT / "docs" / "plug-ins.md").read_text()
    for name in KINDS:
        assert f"`{name}.py`" in page, name
        assert (TEMPLATES / f"test_{name}.py").is_file()


def test_the_strategy_that_the_docs_show_works(home: Home) -> None:
    home.copy("pullback")
    pullback = strategies.make("pullback", {"buy_below": 25})
    view = strategies.View(
        symbols=("UP", "DOWN", "DEAR", "NEW"),
        sessions=np.array(["2022-12-30"], dtype="datetime64[D]"),
        **flat_bars(np.array([[110.0, 90.0, 110.0, 110.0]])),
        vix=np.array([20.0]),
        factors={"rsi_14": np.array([[20.0, 20.0, 80.0, np.nan]]), "sma_200": np.full((1, 4), 100.0)},
    )
    said = pullback.signals(view)
    assert said.direction.tolist() == [[1, 0, -2, 0]]
    assert said.confidence.tolist() == [[1.0, 0.0, 1.0, 0.0]]
    assert pullback.exit_plan == strategies.ExitPlan(sessions=20, stop=strategies.ExitDistance(atr=2.5))
    assert [pullback.explain(view, said, 0, n) for n in range(4)] == [
        "RSI 20.0 is low and the close 110.00 above SMA200 100.00",
        "no condition holds",
        "RSI 80.0 is above 70",
        "no condition holds",
    ]
