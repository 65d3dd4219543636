"""Sessions whose mails are hard to write: many positions, nothing at all, a failure, hostile names."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np

from nightdesk.alerts.concerns import concerns
from nightdesk.alerts.figure_table import FigureTable
from nightdesk.alerts.mail_lines import DailyMail, MailLinks, PeriodDay, PeriodMail, UndecidedMail
from nightdesk.alerts.position_lines import PositionLine
from nightdesk.alerts.result_lines import target_lines
from nightdesk.alerts.risk_lines import RiskSection
from nightdesk.alerts.session_page import (
    DroppedLine,
    FillLine,
    NavPoint,
    OrderLine,
    QualityLine,
    SessionReport,
    SourceLine,
    VerdictLine,
)
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.core.reporting_terms import Target
from nightdesk.orders.slippage import Slippage
from nightdesk.performance import StrategyDay, judge_targets
from nightdesk.risk import Distance
from nightdesk.risk.concentration import Concentration
from nightdesk.risk.risk_report import Picture, RiskReport
from nightdesk.risk.tail import Loss, TailRisk
from nightdesk.store.kill_switch_rows import KillSwitchState
from nightdesk.store.mail_rows import FailedStep

SESSION = date(2026, 11, 20)
CLOSE = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
EUROS = Target(above=50.0, eur_rate=1.08, eur_rate_of=date(2026, 11, 30))
LINKS = MailLinks(
    "http://127.0.0.1:8080/cockpit/books/multi_asset/session?as_of=2026-11-20T21%3A00%3A00%2B00%3A00",
    "http://127.0.0.1:8080/dags/daily__multi_asset/runs/scheduled__2026-11-20T21%3A30%3A00%2B00%3A00",
)
RELEASED = KillSwitchState(on=False)
LONG_REASON = (
    "momentum_60 of 6.2 % is above the entry threshold of 2 %, the 20-session average of 168.21 is "
    "above the 50-session average of 161.90, rsi_14 of 58.3 is below 70, volume is "
    "1.4 times its 20-session average; "
)
HOSTILE = '<script>alert("x")</script><img src=http://tracker.example/a.gif>\r\nBcc: everyone@example.com'


def history(sessions: int = 250, start: float = 100_000.0, seed: int = 7) -> tuple[NavPoint, ...]:
    """A year of a book that rises, falls by a tenth, and comes back."""
    days = [as_date(one) for one in get_calendar().between(SESSION - timedelta(days=400), SESSION)]
    drawn = np.random.default_rng(seed).normal(0.0005, 0.006, sessions - 1)
    navs = start * np.cumprod(np.concatenate([[1.0], 1.0 + drawn]))
    peaks = np.maximum.accumulate(navs)
    return tuple(
        NavPoint(day, Decimal(f"{nav:.2f}"), float(1 - nav / peak))
        for day, nav, peak in zip(days[-sessions:], navs, peaks, strict=True)
    )


def risk() -> RiskSection:
    """The risk of a book with one limit that is passed and some that are near."""
    distances = (
        Distance("max_drawdown", "", "share", 0.031, 0.15, 0.119, 0.79, "within"),
        Distance("heat", "", "share", 0.62, 0.80, 0.18, 0.225, "within"),
        Distance("gross_leverage", "", "share", 0.93, 1.0, 0.07, 0.07, "within"),
        Distance("position_count", "", "count", 30.0, 30.0, 0.0, 0.0, "at"),
        Distance("cash_buffer", "", "share", 0.04, 0.05, -0.01, -0.2, "beyond"),
    )
    loss = Loss(0.0123, 0.0187)
    picture = Picture(("GLD", "SPY"), np.array([[1.0, 0.1], [0.1, 1.0]]), 0.1, None, None)
    return RiskSection(
        "Level 1: the book is 6.1 % below its peak, new positions are half as large.",
        RiskReport(
            nav=112_345.67,
            volatility=0.1123,
            tail=TailRisk(loss, loss, 252),
            concentration=Concentration(0.21, 4.8, "GLD", 0.29, "metals", 0.31),
            picture=picture,
            contributions=(),
            distances=distances,
        ),
    )


def daily(**changed: object) -> DailyMail:
    """A usual session."""
    path = history()
    page = SessionReport(
        book="multi_asset",
        title="Multi-asset momentum (multi_asset)",
        session=SESSION,
        as_of=CLOSE,
        known_by=CLOSE + timedelta(minutes=31),
        nav=path[-1].nav,
        previous_nav=path[-2].nav,
        cash=Decimal("38250.40"),
        positions_value=path[-1].nav - Decimal("38250.40"),
        drawdown=path[-1].drawdown,
        gross=0.6595,
        net=0.6595,
        regime="ELEVATED",
        vix=21.67,
        sample=True,
        history=path,
        benchmark="SPY",
        benchmark_return=0.0912,
        positions=tuple(position(n) for n in range(5)),
        fills=(
            FillLine("GLD", "buy", Decimal(20), Decimal("168.084"), Decimal("3.36"), "momentum_60 of 3.1 %"),
            FillLine(
                "XLE", "sell", Decimal(44), Decimal("87.42"), Decimal("1.12"), "left by its stop of 8 %"
            ),
        ),
        slippage=Slippage(Decimal("7206.00"), Decimal("3.60"), Decimal("-0.84")),
        orders=(
            OrderLine("QQQ", "buy", Decimal(12), Decimal("512.5"), 0.0, 0.055, "submitted", LONG_REASON),
        ),
        verdicts=(
            VerdictLine("QQQ", "cash_buffer", "cut", Decimal(90), Decimal(41), "gross 98 % above 95 %"),
            VerdictLine("TSLA", "liquidity", "reject", Decimal(9), Decimal(0), "2.1 % of ADV20 above 1 %"),
        ),
        dropped=(DroppedLine("IWM", "time_series_momentum", "correlated 0.93 with SPY, the limit is 0.85"),),
        quality=(QualityLine("price_jump", "TLT", "quarantined", "moved 52.1 %, the limit is 50 %"),),
        sources=(
            SourceLine("polygon", "degraded", 3, "two of five requests failed"),
            SourceLine("yahoo", "healthy", 14),
        ),
        left_out=("3 rows left out: volume below 0.",),
        earnings=(
            StrategyDay(
                "time_series_momentum", Decimal("120.10"), Decimal("412.22"), commission=Decimal("3.36")
            ),
            StrategyDay(
                "rsi_mean_reversion", Decimal("-88.40"), Decimal("-12.00"), commission=Decimal("1.12")
            ),
        ),
        risk=risk(),
        checks_run=204,
        concerns=concerns(
            RELEASED, quarantined=[("TLT since 2026-11-20", "not used in the decision; held: TLT")]
        ),
        code_version="0.9.0",
        config_hash="ab34ef0912ffee8811",
    )
    return DailyMail(replace(page, **changed), links=LINKS)  # type: ignore[arg-type]


def position(n: int, symbol: str = "", note: str = "") -> PositionLine:
    """One of many positions."""
    names = ("GLD", "SPY", "TLT", "BTC-USD", "XLE", "EFA", "IEF", "DBC", "VNQ", "EEM")
    units, price, cost = Decimal(40 + 7 * n), Decimal("168.331234") + 9 * n, Decimal("160.25") + 10 * n
    return PositionLine(
        symbol=symbol or (names[n] if n < len(names) else f"SYM{n}"),
        strategy="time_series_momentum" if n % 3 else "rsi_mean_reversion",
        quantity=units,
        average_cost=cost,
        price=price,
        value=round(units * price, 2),
        profit=round(units * (price - cost), 2),
        weight=0.03 + 0.002 * n,
        note=note or ("in quarantine" if n == 2 else ""),
        entered=SESSION - timedelta(days=3 * n + 1),
        age=2 * n + 1,
    )


def figures(what: str, symbols: int) -> FigureTable:
    """Twelve figures of each symbol."""
    columns = tuple(f"score {n}" for n in range(12))
    rows = tuple((f"SYM{m}", tuple(f"0.{m}{n}" for n in range(12))) for m in range(symbols))
    return FigureTable(f"{what} of five_signals", columns, rows)


def crowded() -> DailyMail:
    """Thirty positions, trades and orders, each with a reason of 800 characters, and much that failed."""
    reason = LONG_REASON * 4
    mail = daily(
        positions=tuple(
            position(n, note="in quarantine since 2026-11-18" if n % 7 == 2 else "") for n in range(30)
        ),
        fills=tuple(
            FillLine(f"SYM{n}", "buy", Decimal(20 + n), Decimal("68.084"), Decimal("1.36"), reason)
            for n in range(30)
        ),
        orders=tuple(
            OrderLine(f"SYM{n}", "sell", Decimal(20), Decimal("68.1"), 0.05, 0.0, "submitted", reason)
            for n in range(30)
        ),
        verdicts=tuple(
            VerdictLine(
                f"SYM{n}", "max_group_weight", "cut" if n % 2 else "reject", Decimal(90), Decimal(4), reason
            )
            for n in range(30)
        ),
        quality=tuple(QualityLine("stale", f"SYM{n}", "warned", reason) for n in range(30)),
        figures=tuple(figures(what, 30) for what in ("Figures", "Sizing")),
        left_out=tuple(f"Not read: bars_{n}.csv: {reason}" for n in range(20)),
    )
    steps = ("ingest", "settle", "signals:time_series_momentum")
    failed = tuple(FailedStep(step, 3, f"Transient: {reason}", step != steps[2]) for step in steps)
    return replace(
        mail, failed=failed, warnings=tuple(("WARNING", f"multi_asset: {n} {reason}") for n in range(20))
    )


def empty() -> DailyMail:
    """The first session of a book that holds cash and trades nothing."""
    first = history()[-1:]
    return daily(
        previous_nav=None, cash=first[0].nav, positions_value=Decimal(0), drawdown=0.0, gross=0.0, net=0.0,
        history=first, positions=(), fills=(), slippage=Slippage(), orders=(), verdicts=(), dropped=(),
        quality=(), left_out=(), earnings=(), risk=None, concerns=(), sample=False, benchmark_return=math.nan,
        vix=None, regime="",
    )  # fmt: skip


def undecided() -> UndecidedMail:
    """A session whose settling failed."""
    newest = history()[-2]
    return UndecidedMail(
        book="multi_asset",
        title="Multi-asset momentum (multi_asset)",
        session=SESSION,
        as_of=CLOSE,
        standing="settle failed, so the session is not decided.",
        newest=newest,
        concerns=concerns(RELEASED, failed=f"session {SESSION}"),
        failed=(
            FailedStep("ingest", 2, "Transient: polygon did not answer within 10 s", came_through=True),
            FailedStep(
                "settle",
                1,
                "Refused: the account holds 12 XLE that the ledger does not know",
                came_through=False,
            ),
        ),
        warnings=(("CRITICAL", "multi_asset 2026-11-20: settle failed"),),
        links=LINKS,
    )


def hostile() -> DailyMail:
    """Names of a vendor, a book and a strategy that try to be markup and headers."""
    mail = daily(
        book=HOSTILE,
        title=HOSTILE,
        positions=(position(1, symbol=HOSTILE, note=HOSTILE),),
        fills=(FillLine(HOSTILE, "buy", Decimal(1), Decimal(1), Decimal(0), HOSTILE),),
        orders=(OrderLine(HOSTILE, "buy", Decimal(1), Decimal(1), 0.0, 0.1, HOSTILE, HOSTILE),),
        verdicts=(VerdictLine(HOSTILE, HOSTILE, "cut", Decimal(1), Decimal(0), HOSTILE),),
        quality=(QualityLine(HOSTILE, HOSTILE, "warned", HOSTILE),),
        sources=(SourceLine(HOSTILE, HOSTILE, 1, HOSTILE),),
        left_out=(HOSTILE,),
        notes=(HOSTILE,),
        earnings=(StrategyDay(HOSTILE, Decimal(1)),),
        benchmark=HOSTILE,
        regime=HOSTILE,
    )
    return replace(mail, failed=(FailedStep(HOSTILE, 1, HOSTILE, True),), warnings=(("WARNING", HOSTILE),))


def period(kind: str = "weekly") -> PeriodMail:
    """The last week, or month, of the book's year."""
    count = 5 if kind == "weekly" else 21
    path = history()
    own = path[-count:]
    days = tuple(
        PeriodDay(
            one.session,
            one.nav,
            one.nav - before.nav,
            float(one.nav / before.nav) - 1.0,
            one.drawdown,
            n % 3,
            Decimal("1.36") * (n % 3),
            Decimal("0.72") * (n % 3),
        )
        for n, (before, one) in enumerate(zip(path[-count - 1 :], own, strict=False))
    )
    return PeriodMail(
        book="multi_asset",
        title="Multi-asset momentum (multi_asset)",
        kind=kind,  # type: ignore[arg-type]
        name="week 47 of 2026" if kind == "weekly" else "November 2026",
        as_of=CLOSE,
        missing=0,
        opening=path[-count - 1],
        days=days,
        strategies=(("time_series_momentum", Decimal("812.20")), ("rsi_mean_reversion", Decimal("-120.75"))),
        slippage=Slippage(Decimal("24000"), Decimal("12.0"), Decimal("9.40")),
        benchmark="SPY",
        benchmark_return=0.0081,
        targets=target_lines(judge_targets({"profit_daily": EUROS}, {"profit_daily": -12.5})),
        links=LINKS,
    )
