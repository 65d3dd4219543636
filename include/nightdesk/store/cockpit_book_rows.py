"""What the cockpit reads of one book: its history, results and decisions, and what a run has decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from nightdesk.store.db import Connection
from nightdesk.store.rows import LATEST, read_row, read_rows


@dataclass(frozen=True, slots=True)
class BookPoint:
    """A book after the last decision of a closed session.

    Attributes
    ----------
    session, as_of : date, datetime
        The session, and its last decision.
    nav, cash : Decimal
        Dollars at the mark.
    drawdown, gross, net : float
        Shares: 1 - NAV / highest NAV ever; absolute and signed exposure over NAV.
    level_drawdown : float or None
        Below the peak from which the drawdown levels count; None where no risk state was kept.
    level : int or None
        The drawdown level.
    benchmark : str or None
        Symbol; None where no report was made.
    benchmark_return : float or None
        What the benchmark has made since the book's inception, with dividends, share; NaN without bars.
    historical_var : float or None
        Loss of one session at 95 %, from past returns, share of NAV.
    """

    session: date
    as_of: datetime
    nav: Decimal
    cash: Decimal
    drawdown: float
    gross: float
    net: float
    level_drawdown: float | None
    level: int | None
    benchmark: str | None
    benchmark_return: float | None
    historical_var: float | None


def book_history(
    conn: Connection, book: str, sessions: int, until: datetime = LATEST
) -> tuple[BookPoint, ...]:
    """The newest closed sessions of a book up to a decision, at most so many, ascending."""
    rows = read_rows(conn, "book_history", book=book, sessions=sessions, until=until)
    shares = ("drawdown", "gross", "net", "level_drawdown")
    return tuple(
        BookPoint(**{**row, **{name: None if row[name] is None else float(row[name]) for name in shares}})
        for row in rows
    )


@dataclass(frozen=True, slots=True)
class StrategyProfit:
    """What a strategy has earned, dollars: `day` in one session, the rest since the book began.

    `strategy` is empty for what no strategy moved. `commission` and `borrow` (of borrowed units) are costs,
    positive; `interest` and `fees`, of the whole book alone, are negative where they were paid.
    """

    strategy: str
    profit: Decimal
    day: Decimal
    realised: Decimal
    dividends: Decimal
    commission: Decimal
    borrow: Decimal
    interest: Decimal
    fees: Decimal


def strategy_profits(
    conn: Connection, book: str, as_of: datetime, session: date
) -> tuple[StrategyProfit, ...]:
    """The profits by strategy up to a decision, that of no strategy last; empty where none was kept."""
    rows = read_rows(conn, "strategy_profits", book=book, as_of=as_of, session=session)
    return tuple(StrategyProfit(**row) for row in rows)


@dataclass(frozen=True, slots=True)
class DecisionsBeside:
    """The decisions of a book before and after one; None where there is none."""

    before: datetime | None
    after: datetime | None


def decisions_beside(conn: Connection, book: str, as_of: datetime) -> DecisionsBeside:
    """The decisions that were begun next to one."""
    row = read_row(conn, "decisions_beside", book=book, as_of=as_of)
    return DecisionsBeside(None, None) if row is None else DecisionsBeside(**row)


def last_decision_of(conn: Connection, book: str, session: date) -> datetime | None:
    """The last decision of a session that was begun; None where there is none."""
    row = read_row(conn, "last_decision_of_session", book=book, session=session)
    return None if row is None else row["as_of"]


def fills_for_decision(conn: Connection, book: str, as_of: datetime) -> list[dict[str, Any]]:
    """What the orders of a decision were filled with.

    Returns
    -------
    list of dict
        symbol, session, client_order_id, side, quantity, price and commission (dollars).
    """
    return read_rows(conn, "fills_for_decision", book=book, as_of=as_of)


def silent_counts(conn: Connection, book: str, as_of: datetime) -> dict[str, int]:
    """How many symbols of a decision have no row since nothing is said of them: signals, targets, gated."""
    rows = read_rows(conn, "silent_counts", book=book, as_of=as_of)
    return {row["table_name"]: int(row["silent"]) for row in rows}


@dataclass(frozen=True, slots=True)
class DecisionOfRun:
    """A decision that a run of Airflow has worked on.

    `status` is how it stands: open, failed or closed; `together` how many decisions the run has worked on.
    """

    as_of: datetime
    session: date
    status: str
    together: int


def decisions_of_run(
    conn: Connection, book: str, dag_id: str, run_id: str, newest: int = 100
) -> tuple[DecisionOfRun, ...]:
    """The newest decisions that a run has worked on, newest first; empty where it has begun no step."""
    run = f"{dag_id}/{run_id}/"
    rows = read_rows(conn, "decisions_of_run", book=book, run=run, newest=newest)
    return tuple(DecisionOfRun(**row) for row in rows)


@dataclass(frozen=True, slots=True)
class StepOfRun:
    """The newest attempt of a run of Airflow at a step.

    `decision` is how its decision stands: open, failed or closed; `status` how the attempt does: running,
    done, compared, waiting or failed.
    """

    as_of: datetime
    session: date
    step: str
    status: str
    started_at: datetime
    ended_at: datetime | None
    differences: Sequence[str]
    error: str | None
    decision: str


def steps_of_run(
    conn: Connection, book: str, dag_id: str, run_id: str, as_of: datetime
) -> tuple[StepOfRun, ...]:
    """What a run of Airflow did of a decision, a step each, in the order in which they began.

    A dry run keeps nothing, this included.
    """
    rows = read_rows(conn, "steps_of_run", book=book, run=f"{dag_id}/{run_id}/", as_of=as_of)
    return tuple(sorted((StepOfRun(**row) for row in rows), key=lambda one: one.started_at))


def alerts_of_run(conn: Connection, dag_id: str, run_id: str) -> list[Mapping[str, Any]]:
    """The alerts that tell of failed tasks of a run: alert_id, level, subject, body, created_at."""
    return list(read_rows(conn, "alerts_of_run", run=f"task:{dag_id}/{run_id}/"))
