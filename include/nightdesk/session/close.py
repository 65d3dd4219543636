"""The last step: what should exist is compared with what does, and the session is sealed."""

from __future__ import annotations

from nightdesk.core.errors import Refused
from nightdesk.session.context import Context
from nightdesk.session.data_alerts import tell_data
from nightdesk.session.mails import tell_mails
from nightdesk.session.reading_ahead import close_asks
from nightdesk.session.sequencing import in_turn
from nightdesk.session.writing import StepOutcome, refuse_outdated
from nightdesk.store.ahead import reading_once
from nightdesk.store.db import is_idle
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.order_rows import orders_of
from nightdesk.store.rows import read_row
from nightdesk.store.run_rows import StepAttempt, close_run, ending_of, held_run, newest_attempts


def close(context: Context) -> StepOutcome:
    """Seal a complete session.

    A strategy that did not speak is told and holds nobody up; anything else that is missing does.

    Raises
    ------
    Refused
        When rows that should exist do not, are older than the bars that the session uses, or an order was not
        brought to the broker; names them.
    """
    book, as_of, session = context.book.name, context.as_of, context.session
    with in_turn(context):
        alone = is_idle(context.conn)
        with held_run(context.conn, book, as_of, by_sending=False, ahead=close_asks(context)) as sealed:
            if sealed is not None:
                return StepOutcome({}, sealed)
            with reading_once(context.conn):
                refuse_outdated(context)
                lacking = _lacking(context)
                silent = [name for name in context.book.strategies if not _spoke(context, name)]
            if lacking:
                raise Refused(
                    f"{book} {context.name} cannot be closed: {'; '.join(lacking)}. "
                    "Run those steps again first"
                )
            for name in silent:
                if _is_told_by_its_task(context, name):
                    continue
                raise_alert(
                    context.conn,
                    f"silent {book} {context.name} {name}",
                    "CRITICAL",
                    f"{book}: {name} gave no signals on {context.name}",
                    _last_error(context, name)
                    + f" The session is degraded: {name} opens nothing new, and keeps "
                    "its positions but for those that a stop or their age ends.",
                    book=book,
                    session=session,
                )
            # What is held now may be graver than it was when the data was checked.
            tell_data(context)
            tell_mails(context)
            outcome = StepOutcome({"closed": 1, "silent_strategies": len(silent)})
            attempt = context.attempt if alone else None
            close_run(
                context.conn, book, as_of, None if attempt is None else ending_of(attempt, outcome.counts)
            )
            if attempt is not None:
                attempt.end()
    return outcome


def _lacking(context: Context) -> list[str]:
    """What a complete session would have."""
    row = read_row(context.conn, "session_completeness", **context.key)
    found = {} if row is None else row
    strategies, symbols = len(context.book.strategies), len(context.book.symbols)
    wanted = {
        "factors": len(context.book.panel_symbols),
        "regimes": 1,
        "session_quality": 1,
        "portfolio": 1,
        "targets": strategies * symbols,
        "gated": strategies * symbols,
        "risk_state": 1,
        "risk_reports": 1,
        "reports": 1,
    }
    out = [
        f"{name} has {found.get(name, 0)} rows of {count}"
        for name, count in wanted.items()
        if found.get(name, 0) != count
    ]
    left = [
        one for one in orders_of(context.conn, context.book.name, context.as_of) if one.status == "planned"
    ]
    out += [f"order {one.order.client_order_id} is planned and was not brought to the broker" for one in left]
    if not any(_spoke(context, name) for name in context.book.strategies):
        out.append("no strategy gave signals")
    return out


def _spoke(context: Context, strategy: str) -> bool:
    row = read_row(context.conn, "signals_count", **context.key, strategy=strategy)
    return row is not None and row["rows"] == len(context.book.symbols)


def _is_told_by_its_task(context: Context, strategy: str) -> bool:
    """Whether the strategy's task of Airflow failed: people hear of that once, as of any failed task."""
    attempt = _newest_attempt(context, strategy)
    return attempt is not None and attempt.task is not None and attempt.status in ("failed", "running")


def _newest_attempt(context: Context, strategy: str) -> StepAttempt | None:
    return newest_attempts(context.conn, context.book.name, context.as_of).get(f"signals:{strategy}")


def _last_error(context: Context, strategy: str) -> str:
    attempt = _newest_attempt(context, strategy)
    if attempt is None or attempt.error is None:
        return "Its step did not run to its end."
    return f"Its step ended with {attempt.error}."
