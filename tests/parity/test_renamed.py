"""A book names a fund by its name of now: before the change it has none, afterwards its history goes on."""

import gzip
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.conftest import PROJECT, open_connection
from tests.parity.checks import same_sessions
from tests.session.quick_checks import check_quickly

from nightdesk.core.book import load_book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import backtest
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session

CHANGE = date(2019, 12, 6)
FIRST = date(2019, 12, 3)


@pytest.fixture
def renamed(market: Path, tmp_path: Path) -> Path:
    """The market, in which TLT was called OLDT before the change, as an actions file says."""
    folder = tmp_path / "bars"
    folder.mkdir()
    with gzip.open(market / "multi_asset_daily.csv.gz", "rt") as source:
        head, *rows = source.read().splitlines()
    written = [head]
    for row in rows:
        if "2017-06-01" <= row[:10] <= "2020-01-31":
            old = row[11:15] == "TLT," and row[:10] < f"{CHANGE}"
            written.append(row.replace(",TLT,", ",OLDT,") if old else row)
    (folder / "days.csv").write_text("\n".join(written))
    with gzip.open(market / "vix_daily.csv.gz", "rt") as source:
        (folder / "vix.csv").write_text(source.read())
    (folder / "actions.csv").write_text(
        f"symbol,session,kind,value,other,cash\nOLDT,{CHANGE},symbol_change,1,TLT,\n"
    )
    return folder


@pytest.mark.timeout(600)
def test_a_renamed_fund_is_decided_the_same_by_the_steps_and_the_backtest(
    renamed: Path, market: Path, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    check_quickly(monkeypatch)
    tree = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text())
    tree["feeds"] = {"daily": [f"files:{renamed}"]}
    path = tmp_path / "multi_asset.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    book = load_book(path)
    sessions = [as_date(one) for one in get_calendar().between(FIRST, date(2020, 1, 31))[:7]]
    read = read_market(book, origin_of(book, FIRST), sessions[-1])
    assert read.missing == {}
    result = backtest(book, read.panel, sessions[0], sessions[-1])
    seen = {}
    with open_connection(database) as conn:
        for session in sessions:
            with open_context(path, session, conn=conn, turn_seconds=0) as context:
                run_session(context)
                panel = context.panel()
                seen[session] = int(np.isfinite(panel.close[:, panel.column("TLT")]).sum())
                stored = panel
        same_sessions(result, conn)
    n = read.panel.column("TLT")
    assert [seen[one] for one in sessions if one < CHANGE] == [0, 0, 0]
    assert min(seen[one] for one in sessions if one >= CHANGE) > 500
    assert np.array_equal(stored.close[:, n], read.panel.close[:, n])
    assert np.array_equal(stored.adjustment[:, n], read.panel.adjustment[:, n])
    directions = np.array([result.market.direction[one.t, :, n] for one in result.decided])
    assert not directions[:3].any()
    whole = read_market(book, origin_of(book, FIRST), sessions[-1], [f"files:{market}"])
    assert np.array_equal(whole.panel.close[:, n], read.panel.close[:, n])
