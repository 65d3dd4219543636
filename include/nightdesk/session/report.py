"""The step that tells of a session: its page, kept in the store and written to the folder of reports."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightdesk.alerts.concerns import Concern, concerns
from nightdesk.alerts.figure_table import figure_tables
from nightdesk.alerts.margin_use import MarginUse
from nightdesk.alerts.notes import note_words
from nightdesk.alerts.position_lines import PositionLine
from nightdesk.alerts.risk_lines import RiskSection
from nightdesk.alerts.session_page import (
    AccountLine,
    DroppedLine,
    FillLine,
    NavPoint,
    OrderLine,
    QualityLine,
    SessionReport,
    SignalLine,
    VerdictLine,
    render,
)
from nightdesk.core.calendar import as_instant
from nightdesk.core.errors import Refused
from nightdesk.engine.exits import rested_words
from nightdesk.engine.injection import WORDS
from nightdesk.engine.stale import stale_words
from nightdesk.feeds.quality import WHOLE_BOOK
from nightdesk.orders.resting import protects
from nightdesk.orders.slippage import total
from nightdesk.performance import StrategyDay, added_up
from nightdesk.risk import RiskState, rule_shown, words
from nightdesk.risk.moves import stands
from nightdesk.session.backtest_bands import placed
from nightdesk.session.broker_session import in_words
from nightdesk.session.bundle_alerts import tell_bundles
from nightdesk.session.context import Context
from nightdesk.session.contract_notices import early_ends
from nightdesk.session.earnings import Earnings, keep_earnings, session_earnings
from nightdesk.session.exit_reasons import dropped_of, ends_of
from nightdesk.session.factors_shown import factors_shown
from nightdesk.session.ingest import bar_sources, is_sample
from nightdesk.session.mails import keep_mails
from nightdesk.session.member_list import leaving_symbols
from nightdesk.session.models import live_models
from nightdesk.session.notices import speaks
from nightdesk.session.pair_lines import pair_lines
from nightdesk.session.protection_lines import legs_shown, protection_lines
from nightdesk.session.reading_ahead import report_asks
from nightdesk.session.result_alerts import tell_results
from nightdesk.session.risk_state import session_overrides
from nightdesk.session.screen_lines import decision_screen_lines
from nightdesk.session.sequencing import in_turn
from nightdesk.session.signals import session_view
from nightdesk.session.unsent_orders import unsent_notes
from nightdesk.session.writing import StepOutcome, saving
from nightdesk.store.ahead import reading_once
from nightdesk.store.decision_rows import (
    QualityRow,
    gated_of,
    read_quality,
    read_regime,
    signals_of,
    silent_strategies,
    targets_of,
    uneven_bundles,
    verdicts_of,
)
from nightdesk.store.health_rows import ingest_notes, is_validated, quarantines_at
from nightdesk.store.holdings import stale_holdings_of
from nightdesk.store.kill_switch_rows import kill_switch
from nightdesk.store.ledger_rows import (
    account_marks_of,
    disputed_positions,
    positions_of,
    read_mark,
    reconciliations_of,
)
from nightdesk.store.order_rows import fills_of, find_order, orders_of, slippage_rows
from nightdesk.store.performance_rows import performance_so_far
from nightdesk.store.risk_report_rows import read_risk_report
from nightdesk.store.risk_state_rows import average_correlation, read_risk_state
from nightdesk.store.rows import read_rows
from nightdesk.store.run_rows import sealed_because
from nightdesk.store.turn_rows import states_of
from nightdesk.strategies import Signals, SignalSide, spoken

if TYPE_CHECKING:
    from nightdesk.accounting.ledger import Mark
    from nightdesk.core.book import Book
    from nightdesk.orders.fills import Fill
    from nightdesk.orders.order import Order
    from nightdesk.store.db import Connection

#: Direction, confidence and words of signals, by strategy and symbol.
Reasons = dict[tuple[str, str], tuple[str, float, str]]

#: In place of the words of a signal that an earlier version of the book's file gave.
EARLIER_BOOK = "decided before the book was changed"

#: Sessions that the pictures of a report show.
HISTORY = timedelta(days=365)


def report(context: Context) -> StepOutcome:
    """Render the decision's page, keep it, and write it to ``reports/BOOK/SESSION.html``.

    One from within a session has the time of day in its name, as ``2025-01-08T1000.html``. A dry run's page
    is ``SESSION.dry-run.html``; it is a file alone. The page of a sealed decision stays as it is: its orders
    have moved on since.
    """
    with in_turn(context):
        with reading_once(context.conn, report_asks(context)):
            sealed = sealed_because(context.conn, context.book.name, context.as_of, by_sending=False)
            if sealed is not None:
                return StepOutcome({}, sealed)
            earned = session_earnings(context)
            page = session_report(context, earned)
            html = render(page)
        with saving(context, after_sending=True) as save:
            save.rows("reports", [{"html": html}])
            keep_earnings(context, save, earned)
            if save.sealed is None and speaks(context):
                save.flush()  # what is told is read from it
                tell_results(context)
                tell_bundles(context)
                keep_mails(context, page)
    suffix = ".dry-run.html" if context.dry_run else ".html"
    path = context.reports / context.book.name / f"{page_name(context.name)}{suffix}"
    write_whole(path, html)
    return save.outcome(path=str(path))


def page_name(name: str) -> str:
    """How the file of the page of a decision begins that people call `name`: `2025-01-08T1000`."""
    return name.replace(" ", "T").replace(":", "")


def data_docs_link(context: Context) -> str:
    """Where a session's page leads to what Great Expectations says of it; empty where it was not asked."""
    from nightdesk.feeds.data_docs_site import first_page

    if not is_validated(context.conn, context.book.name, context.as_of):
        return ""
    return f"{data_docs_of(Path(), context.book.name).name}/{first_page(page_name(context.name))}"


def data_docs_of(reports: Path, book: str) -> Path:
    """The folder of a book's Data Docs, beside the pages of its sessions."""
    return reports / book / "data-docs"


def write_whole(path: Path, text: str) -> None:
    """Replace the file in one step: a reader sees the old page or the new one, never a piece.

    Its owner alone can read it, in whatever process it is written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def session_report(context: Context, earned: Earnings | None = None) -> SessionReport:
    """What the store holds of a decision, as its page wants it; `earned` where it was worked out before."""
    conn, book, as_of, session = context.conn, context.book, context.as_of, context.session
    run, mark = context.run(), read_mark(conn, book.name, as_of)
    regime, quality = read_regime(conn, book.name, as_of), read_quality(conn, book.name, as_of)
    if run is None or run.known_by is None or mark is None or regime is None or quality is None:
        raise Refused(
            f"{book.name} {context.name} was not decided to its end: run the steps before its report first"
        )
    previous = read_mark(conn, book.name, context.schedule.before(context.schedule.first_of(session)))
    earned = session_earnings(context) if earned is None else earned
    marks = earned.marks
    shown = sum(one.session >= session - HISTORY for one in marks)
    state = read_risk_state(conn, book.name, as_of)
    findings = read_rows(conn, "quality_findings", book=book.name, as_of=as_of)
    positions = _positions(context, mark, quality.quarantined, _ages(findings))
    left, held = leaving_symbols(context), {one.symbol for one in positions}
    gone = left - held
    sources = bar_sources(context)
    reasons = reasons_of(context)
    dropped = read_rows(conn, "dropped_entries", book=book.name, as_of=as_of)
    return SessionReport(
        book=book.name,
        title=book.label,
        name=context.name,
        session=session,
        hourly=context.is_hourly,
        closes=context.schedule.is_last(as_of),
        as_of=as_of,
        known_by=run.known_by,
        nav=mark.nav,
        previous_nav=None if previous is None else previous.nav,
        cash=mark.cash,
        positions_value=mark.positions_value,
        drawdown=mark.drawdown,
        drawdown_since_reset=None if state is None or book.levels is None else float(state.drawdown),
        gross=mark.gross,
        net=mark.net,
        margin=MarginUse.of(book.margin, mark.nav, mark.gross, mark.net),
        regime=regime.regime,
        vix=regime.vix,
        sample=any(is_sample(line) for line in sources),
        history=tuple(NavPoint(one.session, one.nav, one.drawdown) for one in marks[-shown:]),
        benchmark=book.benchmark,
        benchmark_return=earned.benchmark_return(shown),
        earnings=_earnings(context, earned),
        results=earned.results,
        positions=positions,
        fills=_fills(context),
        slippage=total(
            row for booked in _session_so_far(context) for row in slippage_rows(conn, book.name, booked)
        ),
        orders=_orders(context, mark, _with_ends(context, reasons)),
        verdicts=tuple(
            VerdictLine(
                one.symbol,
                rule_shown(one.rule),
                one.action,
                Decimal(str(one.before)),
                Decimal(str(one.after)),
                words(one),
            )
            for one in verdicts_of(conn, book.name, as_of)
            if one.action != "approve"
        ),
        dropped=tuple(DroppedLine(one["symbol"], one["strategy"], dropped_of(one)) for one in dropped),
        signals=tuple(
            SignalLine(strategy, symbol, direction, confidence, said)
            for (strategy, symbol), (direction, confidence, said) in reasons.items()
        ),
        quality=tuple(
            QualityLine(
                one["check_name"],
                "" if one["symbol"] == WHOLE_BOOK else one["symbol"],
                one["outcome"],
                one["detail"],
            )
            for one in findings
            if one["outcome"] != "passed" and one["symbol"] not in gone
        ),
        sources=sources,
        accounts=_accounts(context),
        early_ends=early_ends(context),
        screen=decision_screen_lines(conn, book.name, as_of, session, run.known_by, left & held)
        if book.screen
        else (),
        pairs=pair_lines(conn, book.name, as_of),
        protections=protection_lines(conn, book.name, as_of) if context.desk.protective else (),
        notes=tuple(
            f"Ledger and broker differ: {in_words(context, one['account'], one['item'])}: "
            f"ledger {one['ledger_value']}, broker {one['broker_value']}."
            for one in reconciliations_of(conn, book.name, as_of)
        ),
        risk=risk_section(conn, book, as_of),
        concerns=_concerns(context, quality, positions, None if book.levels is None else state),
        dry_run=context.dry_run,
        bands=tuple(one.words for one in placed(conn, book, as_of)),
        left_out=tuple(note_words(one) for one in ingest_notes(conn, book.name, as_of)),
        factors=factors_shown(conn, book, as_of),
        figures=figure_tables(
            signals_of(conn, book.name, as_of),
            targets_of(conn, book.name, as_of),
            gated_of(conn, book.name, as_of),
        ),
        checks_run=len(findings),
        data_docs=data_docs_link(context),
        code_version=run.code_version,
        config_hash=run.config_hash,
    )


def _concerns(
    context: Context, quality: QualityRow, positions: tuple[PositionLine, ...], risk: RiskState | None
) -> tuple[Concern, ...]:
    """What stands against the book after the decision."""
    conn, book, as_of = context.conn, context.book.name, context.as_of
    own = {one.symbol for one in positions}
    gone = leaving_symbols(context) - own
    quality = replace(quality, quarantined=tuple(one for one in quality.quarantined if one not in gone))
    held = [symbol for symbol in quality.quarantined if symbol in own]
    apart = f"not used in the decision; {f'held: {", ".join(held)}' if held else 'none is held'}"
    return concerns(
        kill_switch(conn, book, context.session, as_of),
        risk,
        schedule=context.schedule,
        disputed=disputed_positions(conn, book, as_of),
        blocked=[quality.reason] if quality.reason else [],
        unsent=unsent_notes(conn, book, as_of),
        silent=silent_strategies(conn, book, as_of),
        uneven=[one.words for one in uneven_bundles(conn, book, as_of)] if context.desk.has_bundles else [],
        quarantined=[(_quarantined_since(context, quality), apart)] if quality.quarantined else [],
        stale=[
            (row["symbol"], stale_words(row["last_bar"], row["sessions"]))
            for row in stale_holdings_of(conn, book, as_of)
        ],
        by_hand=[one.words for one in session_overrides(context)],
    )


def _quarantined_since(context: Context, quality: QualityRow) -> str:
    """The symbols in quarantine, and the decision in which that began."""
    spells = quarantines_at(context.conn, context.book.name, context.session, context.as_of)
    begun = {symbol: context.schedule.name_of(one["first_as_of"]) for symbol, one in spells.items()}
    return ", ".join(
        f"{symbol} since {begun[symbol]}" if symbol in begun else symbol for symbol in quality.quarantined
    )


def risk_section(conn: Connection, book: Book, as_of: datetime) -> RiskSection | None:
    """What the store holds of a decision's risk; None where it has no report."""
    told, state = read_risk_report(conn, book.name, as_of), read_risk_state(conn, book.name, as_of)
    if told is None:
        return None
    correlation = average_correlation(conn, book.name, as_of)
    level = "" if state is None or book.levels is None else stands(state, book.levels, correlation)
    return RiskSection(level, told, state)


def _ages(findings: list[dict[str, Any]]) -> dict[str, int]:
    """Sessions since the last bar of every symbol that has ever had one."""
    return {one["symbol"]: int(one["value"]) for one in findings if one["check_name"] == "no_bar"}


def _note(symbol: str, quarantined: tuple[str, ...], ages: dict[str, int], *, leaving: bool) -> str:
    """What a reader must know of a position: that it is only reduced, and of its price."""
    age, said = ages.get(symbol, 0), ["leaving"] if leaving else []
    if age:
        said.append(f"last bar {age} session{'' if age == 1 else 's'} ago")
    if symbol in quarantined:
        said.append("in quarantine")
    return ", ".join(said)


def _positions(
    context: Context, mark: Mark, quarantined: tuple[str, ...], ages: dict[str, int]
) -> tuple[PositionLine, ...]:
    lines, leaving = [], leaving_symbols(context)
    for row in positions_of(context.conn, context.book.name, context.as_of):
        if not row["quantity"]:
            continue
        value = row["market_value"]
        lines.append(
            PositionLine(
                symbol=row["symbol"],
                strategy=row["strategy"],
                quantity=row["quantity"],
                average_cost=row["cost"] / row["quantity"] / row["multiplier"],
                price=row["price"],
                value=value,
                profit=value - row["cost"],
                weight=float(value / mark.nav),
                group=context.book.universe[row["symbol"]].group,
                note=_note(row["symbol"], quarantined, ages, leaving=row["symbol"] in leaving),
                account=_named(context, row["account"]),
                entered=row["entry_session"],
                age=_sessions_since(context, row["entry_session"]),
            )
        )
    return tuple(lines)


def _sessions_since(context: Context, entered: date | None) -> int | None:
    return None if entered is None else max(len(context.calendar.between(entered, context.session)) - 1, 0)


def _session_so_far(context: Context) -> tuple[datetime, ...]:
    """The decisions of the session up to this one, ascending: this one alone in a daily book."""
    ends = map(as_instant, context.schedule.instants(context.session, context.session))
    return tuple(one for one in ends if one <= context.as_of)


def _earnings(context: Context, earned: Earnings) -> tuple[StrategyDay, ...]:
    """The profit by strategy since the close of the session before."""
    earlier = _session_so_far(context)[:-1]
    if not earlier:
        return earned.by_strategy
    kept = performance_so_far(context.conn, context.book.name, context.session, earlier[-1])
    return added_up((*kept, *earned.by_strategy))


def _fills(context: Context) -> tuple[FillLine, ...]:
    """The executions of the session so far. Words are made for those that this decision's settling booked."""
    lines = []
    said: dict[datetime, Reasons] = {}
    for booked in _session_so_far(context):
        for fill in fills_of(context.conn, context.book.name, booked):
            stored = find_order(context.conn, fill.client_order_id)
            reason = account = ""
            if stored is not None:
                account = _named(context, stored.order.account)
                decided = stored.order.as_of
                if decided not in said:
                    said[decided] = _said_then(context.at(decided), explained=booked == context.as_of)
                named = context.schedule.name_of(decided)
                reason = f"decided on {named}: {_why_filled(stored.order, fill, said[decided])}".rstrip(": ")
            amounts = (fill.quantity, fill.price, fill.commission)
            lines.append(FillLine(fill.symbol, fill.side, *amounts, reason, account))
    return tuple(lines)


def _said_then(then: Context, *, explained: bool) -> Reasons:
    """What an earlier decision said; where not `explained` without the words of signals, which take long."""
    if explained:
        return _with_ends(then, reasons_of(then))
    rows = signals_of(then.conn, then.book.name, then.as_of)
    return _with_ends(
        then, {(row["strategy"], row["symbol"]): (_direction(row), row["confidence"], "") for row in rows}
    )


def _orders(context: Context, mark: Mark, reasons: Reasons) -> tuple[OrderLine, ...]:
    held: dict[str, float] = {}
    for row in targets_of(context.conn, context.book.name, context.as_of):
        held[row["symbol"]] = held.get(row["symbol"], 0.0) + float(row["held"])
    lines = []
    for stored in orders_of(context.conn, context.book.name, context.as_of):
        order = stored.order
        price, had = float(order.reference_price) / float(mark.nav), held.get(order.symbol, 0.0)
        lines.append(
            OrderLine(
                symbol=order.symbol,
                side=order.side,
                quantity=order.quantity,
                reference_price=order.reference_price,
                limit_price=order.limit_price,
                weight_before=had * price,
                weight_after=(had + float(order.signed_quantity)) * price,
                state=stored.status,
                reason=_reason(order, reasons),
                account=_named(context, order.account),
            )
        )
    return tuple(lines)


def _named(context: Context, account: str) -> str:
    """An account as a page names it; empty in a book of one."""
    return account if len(context.book.account_names) > 1 else ""


def _accounts(context: Context) -> tuple[AccountLine, ...]:
    """The accounts at the mark, in the order of the book; none of a book of one."""
    conn, book = context.conn, context.book
    if len(book.account_names) == 1:
        return ()
    marks = {one.account: one for one in account_marks_of(conn, book.name, context.as_of)}
    orders = [one.order.account for one in orders_of(conn, book.name, context.as_of)]
    return tuple(
        AccountLine(
            name,
            f"{book.entry_of(name).account} of {book.entry_of(name).kind}",
            marks[name].cash,
            marks[name].positions_value,
            marks[name].nav,
            orders.count(name),
        )
        for name in book.account_names
        if name in marks
    )


def _why_filled(order: Order, fill: Fill, reasons: Reasons) -> str:
    """What the strategies behind an order said; of one that rested, which of its legs was reached."""
    if protects(order) and order.stop_price is not None:
        return rested_words(order, fill.price)
    return _reason(order, reasons)


def _reason(order: Order, reasons: Reasons) -> str:
    """What the strategies behind an order said; of one that is to rest, where."""
    if protects(order) and order.stop_price is not None:
        return f"rests for the position: {legs_shown(order.stop_price, order.target_price)}"
    said = [reasons.get((intent.strategy, order.symbol)) for intent in order.intents]
    legs = [f"leg of bundle {name}" for name in order.bundles]
    words = (": ".join(filter(None, (one[0], one[2]))) for one in said if one is not None)
    return "; ".join([*words, *legs])


def _with_ends(context: Context, reasons: Reasons) -> Reasons:
    """The reasons, and in place of those of positions that a stop or their age ends, that."""
    return {**reasons, **{key: ("leave", 1.0, why) for key, why in ends_of(context).items()}}


def reasons_of(context: Context) -> Reasons:
    """Direction, confidence and words of every stored signal of the decision, by strategy and symbol.

    Words are made by the strategies as the book has them now: what it said before its file was changed keeps
    its direction, and no words.
    """
    import numpy as np

    rows = signals_of(context.conn, context.book.name, context.as_of)
    run = context.run()
    if run is None or run.config_hash != context.book.config_hash:
        return {
            (row["strategy"], row["symbol"]): (_direction(row), row["confidence"], EARLIER_BOOK)
            for row in rows
        }
    view, speakers = session_view(context), tuple(context.desk.in_turn)
    turns = states_of(context.conn, context.book.name, context.as_of, speakers) if speakers else {}
    out: Reasons = {}
    for name, strategy in context.desk.strategies.items():
        own = {row["symbol"]: row for row in rows if row["strategy"] == name}
        if len(own) != len(context.book.symbols) and not (own and context.book.members):
            continue
        ordered = [own.get(symbol, _SILENT) for symbol in context.book.symbols]
        try:
            models = live_models(context, strategy)
            seen, speechless = replace(view, models=models, turns={name: (turns.get(name, ()),)}), ""
        except Refused as error:  # its words are lost; the report is not
            seen, speechless = view, str(error)
        said = Signals(
            direction=np.array([[row["direction"] for row in ordered]], dtype=np.int8),
            strength=np.array([[row["strength"] for row in ordered]]),
            confidence=np.array([[row["confidence"] for row in ordered]]),
            reason=np.array([[row["reason"] for row in ordered]], dtype=np.int8),
            side=np.array([[SignalSide[row["side"].upper()] for row in ordered]], dtype=np.int8),
            **_bundles_of(ordered) if strategy.bundles else {},
        )
        for n, row in enumerate(ordered):
            if row is _SILENT:
                continue
            explained = WORDS if row["injected"] else speechless or strategy.explain(seen, said, 0, n)
            out[name, row["symbol"]] = (_direction(row), row["confidence"], explained)
    return out


def _bundles_of(ordered: list[dict[str, Any]]) -> dict[str, Any]:
    """Bundles and ratios of one strategy's stored signals, as `Signals` has them."""
    import numpy as np

    return {
        "bundle": np.array([[row.get("bundle") or 0 for row in ordered]], dtype=np.int16),
        "ratio": np.array([[row.get("ratio") or 0.0 for row in ordered]]),
    }


#: What a signal says that has no row, in a book with a list of members.
_SILENT: dict[str, Any] = {"direction": 0, "strength": 0.0, "confidence": 0.0, "reason": 0, "side": "long"}


def _direction(row: dict[str, Any]) -> str:
    return spoken(row["direction"], SignalSide[row["side"].upper()])
