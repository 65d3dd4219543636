"""The files of a backtest say which orders and targets are legs of a bundle, and why legs were left."""

import csv
from datetime import date
from pathlib import Path

import yaml
from tests.bundles.spreads import BOOK
from tests.conftest import PROJECT

from nightdesk.core.book import load_book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.result_columns import columns_of
from nightdesk.research.backtest.run import backtest
from nightdesk.research.backtest.table_files import append_csv
from nightdesk.research.backtest.tables import TABLES


def test_orders_targets_and_trades_name_bundles(market: Path, tmp_path: Path) -> None:
    tree = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text())
    path = tmp_path / "multi_asset.yaml"
    path.write_text(yaml.safe_dump(tree | BOOK | {"feeds": {"daily": [f"files:{market}"]}}, sort_keys=False))
    book = load_book(path)
    sessions = [as_date(one) for one in get_calendar().between(date(2020, 2, 20), date(2020, 12, 31))[:10]]
    panel = read_market(book, origin_of(book, sessions[0]), sessions[-1]).panel
    result = backtest(book, panel, sessions[0], sessions[-1])
    rows = {}
    for name in ("orders", "targets", "trades"):
        file = tmp_path / f"{name}.csv"
        append_csv(file, columns_of(name, bundles=True), TABLES[name](result))
        rows[name] = list(csv.DictReader(file.open()))
    assert all(one["bundle"].startswith("multi_asset:2020") for one in rows["orders"])
    assert {one["bundle"] for one in rows["targets"]} == {"1"}
    assert {one["uneven"] for one in rows["targets"]} >= {"0", "1"}
    reasons = [one["exit_reason"] for one in rows["trades"]]
    assert "with its bundle: TLT: left by its stop" in reasons
