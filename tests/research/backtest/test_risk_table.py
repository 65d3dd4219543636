"""The table of risk of a backtest, made when it is written."""

import csv
import math
from datetime import date
from pathlib import Path

import pytest
from tests.engine.desks import book
from tests.research.backtest.panels import seeded_panel

from nightdesk.engine import risk_report
from nightdesk.research.backtest.result_columns import columns_of
from nightdesk.research.backtest.run import backtest
from nightdesk.research.backtest.table_files import write_csv
from nightdesk.research.backtest.tables import TABLES

LIMITS = {
    "max_weight": {},
    "cash_buffer": {"limit": 0.05},
    "gross_leverage": {"limit": 1.0},
    "correlation": {},
    "stop_loss": {},
}


def test_every_session_has_a_row_of_what_it_held(tmp_path: Path) -> None:
    of = book(limits=LIMITS, quality={"failed_share": 0.6})
    result = backtest(of, seeded_panel(of), date(2019, 1, 2), date(2019, 6, 28))
    rows = TABLES["risk"]
    write_csv(tmp_path / "risk.csv", columns_of("risk"), rows(result))
    table = list(csv.DictReader((tmp_path / "risk.csv").open()))
    assert [row["session"] for row in table] == [str(one.state.mark.session) for one in result.decided]
    assert (table[0]["herfindahl"], table[0]["average_correlation"], table[0]["largest"]) == ("", "", "")
    held = stops = 0
    for row, one in zip(table, result.decided, strict=True):
        told = risk_report(result.desk, one.state, result.market.day(one.t), one.gated)
        assert float(row["volatility"]) == told.volatility
        assert float(row["historical_var"]) == told.tail.historical.var
        assert float(row["normal_cvar"]) == told.tail.normal.cvar
        assert float(row["largest_group_weight"]) == pytest.approx(one.state.mark.gross, abs=1e-6)
        limits = [
            one for one in told.distances if one.rule != "correlation" and math.isfinite(one.room_share)
        ]
        nearest = min(limits, key=lambda limit: limit.room_share)
        assert row["nearest_limit"] == nearest.rule
        assert (row["nearest_subject"], float(row["nearest_room"])) == (nearest.subject, nearest.room_share)
        stops += sum(limit.rule == "stop_loss" for limit in limits) > 1
        held += bool(one.state.ledger.held())
    assert held > len(table) / 2
    assert stops
