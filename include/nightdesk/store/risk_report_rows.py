"""The risk reports of a book's decisions: kept as rows, read back as they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from nightdesk.risk import Concentration, Contribution, Distance, Loss, RiskReport, TailRisk
from nightdesk.risk.risk_report import picture_of
from nightdesk.store.db import Connection
from nightdesk.store.rows import LATEST, read_row, read_rows


def risk_report_rows(report: RiskReport) -> dict[str, list[dict[str, Any]]]:
    """A report as its tables hold it: their names, and the rows of each."""
    tail, spread, picture = report.tail, report.concentration, report.picture
    whole = {
        "nav": report.nav,
        "volatility": report.volatility,
        "historical_var": tail.historical.var,
        "historical_cvar": tail.historical.cvar,
        "normal_var": tail.normal.var,
        "normal_cvar": tail.normal.cvar,
        "var_sessions": tail.sessions,
        "herfindahl": spread.herfindahl,
        "effective_positions": spread.effective_positions,
        "largest": spread.largest,
        "largest_weight": spread.largest_weight,
        "largest_group": spread.largest_group,
        "largest_group_weight": spread.largest_group_weight,
    }
    distances = [
        {
            "place": place,
            "rule": one.rule,
            "subject": one.subject,
            "unit": one.unit,
            "observed": one.value,
            "rule_limit": one.limit,
            "room": one.room,
            "room_share": one.room_share,
            "state": one.state,
        }
        for place, one in enumerate(report.distances)
    ]
    contributions = [
        {"symbol": one.symbol, "weight": one.weight, "contribution": one.contribution, "gaps": one.gaps}
        for one in report.contributions
    ]
    together = {
        "symbols": list(picture.symbols),
        "matrix": picture.matrix.ravel().tolist(),
        "average": picture.average,
    }
    return {
        "risk_reports": [whole],
        "risk_distances": distances,
        "risk_contributions": contributions,
        "risk_correlations": [together],
    }


def read_risk_report(conn: Connection, book: str, as_of: datetime) -> RiskReport | None:
    """The risk report of a decision; None when none was kept."""
    key = {"book": book, "as_of": as_of}
    whole, together = read_row(conn, "risk_report_row", **key), read_row(conn, "risk_correlation_row", **key)
    if whole is None or together is None:
        return None
    contributions = {one["symbol"]: one for one in read_rows(conn, "risk_contribution_rows", **key)}
    symbols: Sequence[str] = together["symbols"]
    size = len(symbols)
    matrix = np.array(together["matrix"], dtype=np.float64).reshape(size, size)
    return RiskReport(
        nav=whole["nav"],
        volatility=whole["volatility"],
        tail=TailRisk(
            Loss(whole["historical_var"], whole["historical_cvar"]),
            Loss(whole["normal_var"], whole["normal_cvar"]),
            whole["var_sessions"],
        ),
        concentration=Concentration(
            whole["herfindahl"],
            whole["effective_positions"],
            whole["largest"],
            whole["largest_weight"],
            whole["largest_group"],
            whole["largest_group_weight"],
        ),
        contributions=tuple(Contribution(**contributions[symbol]) for symbol in symbols),
        picture=picture_of(symbols, matrix),
        distances=tuple(_distance(one) for one in read_rows(conn, "risk_distance_rows", **key)),
    )


def newest_risk_report(conn: Connection, book: str, as_of: datetime = LATEST) -> datetime | None:
    """The newest decision up to `as_of` with a report; None when none was ever kept."""
    row = read_row(conn, "newest_risk_report", book=book, as_of=as_of)
    return None if row is None else row["as_of"]


def _distance(row: Mapping[str, Any]) -> Distance:
    return Distance(
        rule=row["rule"],
        subject=row["subject"],
        unit=row["unit"],
        value=row["observed"],
        limit=row["rule_limit"],
        room=row["room"],
        room_share=row["room_share"],
        state=row["state"],
    )
