"""Funding in the day's run: rates stored with the bars, read as they were known, missing ones told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nightdesk.accounting.funding_rates import (
    NO_FUNDING,
    BelatedFunding,
    Funding,
    funding_reference,
    held_of,
    missing_words,
    not_yet_booked,
)
from nightdesk.accounting.late_actions import LATE
from nightdesk.accounting.ledger import Entry, Ledger
from nightdesk.alerts.notes import OF_FUNDING
from nightdesk.core.calendar import as_instant, as_moment
from nightdesk.core.funding import LONGEST_INTERVAL, RHYTHM, FundingRate, newest
from nightdesk.core.masking import mask_document
from nightdesk.session.context import Context
from nightdesk.store.db import now
from nightdesk.store.funding_rows import (
    StoredRate,
    funding_changed,
    funding_known,
    funding_reach,
    save_funding,
)
from nightdesk.store.ledger_rows import dated_entries, positions_of, read_ledger
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.run_rows import find_run

#: Columns of `ingest_notes` beside its key.
_NOTE = ("kind", "subject", "rows", "detail")


@dataclass(frozen=True)
class FundingCame:
    """What a fetch of rates brought: small facts for logs, and rows of `ingest_notes`."""

    counts: Mapping[str, int | str]
    notes: Sequence[dict[str, Any]] = ()


def histories(context: Context) -> dict[str, str]:
    """The sources of the perpetuals whose rates are a history; of a book without nothing is read."""
    return {symbol: one.funding for symbol, one in sorted(context.book.universe.items()) if one.funding}


def store_funding(context: Context) -> FundingCame:
    """Fetch and store the book's rates: all since its first decision, then what came since and ten days more.

    An exchange that does not give them costs the funding, never the session: what is booked late is booked
    when it comes.

    Returns
    -------
    FundingCame
        Empty for a book without.

    Raises
    ------
    Refused
        When a person's own file is not there, or is malformed.
    """
    named = histories(context)
    if not named:
        return FundingCame({})
    from nightdesk.feeds.chain import in_words
    from nightdesk.feeds.funding_sources import FundingWanted, gather_funding
    from nightdesk.store.health_rows import Health

    begin, at = _first(context), now(context.conn)
    reach = funding_reach(context.conn, named)
    wanted = [
        FundingWanted(symbol, source, _since(reach.get(symbol), begin)) for symbol, source in named.items()
    ]
    came = gather_funding(wanted, at, Health(context.conn), environ=context.environ)
    new = save_funding(context.conn, came.history, begin, named)
    counts: dict[str, int | str] = {"funding_rates": len(came.history.rates), "new_funding_rates": new}
    if came.failures:
        counts["funding_failed"] = in_words(came.failures)
    dropped = [("dropped", reason, rows, "") for reason, rows in sorted(came.dropped.items())]
    missing = [
        ("missing", f"{name}{OF_FUNDING}", None, str(why)) for name, why in sorted(came.failures.items())
    ]
    notes = [dict(zip(_NOTE, one, strict=True)) for one in (*dropped, *missing)]
    masked: list[dict[str, Any]] = mask_document(notes)
    return FundingCame(counts, tuple(masked))


def _since(reach: tuple[datetime, datetime] | None, begin: datetime) -> datetime:
    """From when on rates are asked for: another book's rates of the symbol may begin later than this one."""
    if reach is None or reach[0] > begin + LONGEST_INTERVAL:
        return begin - RHYTHM
    return max(begin, reach[1]) - RHYTHM


def rates_changed(context: Context, since: datetime) -> bool:
    """Whether a rate of the decision came after an instant."""
    named = histories(context)
    return bool(named) and funding_changed(context.conn, named, context.as_of, since)


def _first(context: Context) -> datetime:
    """The instant of the book's first decision: it held nothing before."""
    return context.schedule.first_of(context.record.inception)


def session_funding(context: Context, opening: Ledger) -> Funding:
    """What lies between the decision before and this one of rates with a history.

    Parameters
    ----------
    context : Context
        The session, not the book's first.
    opening : Ledger
        As the decision before left it.
    """
    named, begin, end = histories(context), context.previous, context.as_of
    if not named or begin is None:
        return NO_FUNDING
    conn, book, schedule = context.conn, context.book.name, context.schedule
    before = find_run(conn, book, begin)
    stored_before = context.known_by() if before is None or before.known_by is None else before.known_by
    known_before = schedule.known_from(begin)
    found = funding_known(
        conn,
        named,
        first=_first(context) - RHYTHM,
        lately=begin - RHYTHM,
        as_of=end,
        known_from=schedule.known_from(end),
        known_by=context.known_by(),
        known_before=known_before,
        stored_before=stored_before,
    )
    due = newest(one.version for one in found if one.version.instant > begin)
    lately = newest(one.version for one in found if begin - RHYTHM < one.version.instant <= begin)
    notes = missing_words(opening, named, due, lately, begin, end)
    came = [one for one in found if _first(context) < one.version.instant <= begin]
    fresh = [one for one in came if _is_new(one, known_before, stored_before)]
    if not fresh:
        return Funding(due, notes=notes)
    booked = _booked_since(context, min(one.version.instant for one in fresh), begin)
    new = newest(one.version for one in _to_compare(fresh, booked))
    late = [one for rate in new for one in _belated(context, rate)]
    unbooked, changed = not_yet_booked(late, booked, context.desk.contracts)
    return Funding(due, unbooked, (*notes, *changed))


def _is_new(one: StoredRate, known_before: datetime, stored_before: datetime) -> bool:
    return one.version.known_at > known_before or one.stored_at > stored_before


def _to_compare(fresh: Sequence[StoredRate], booked: Sequence[Entry]) -> list[StoredRate]:
    """Those that may be due: what was booked by the source that the book named before stays."""
    references = {one.reference.removesuffix(LATE) for one in booked}
    return [one for one in fresh if one.revised or funding_reference(one.version) not in references]


def _settled_at(context: Context, instant: datetime) -> datetime:
    """The decision whose period an instant lies in."""
    ends = context.schedule.ends
    return as_instant(ends[int(ends.searchsorted(as_moment(instant)))])


def _belated(context: Context, rate: FundingRate) -> list[BelatedFunding]:
    conn, book = context.conn, context.book.name
    settled = _settled_at(context, rate.instant)
    before = context.schedule.before(settled)
    ledger = read_ledger(conn, book, before)
    if ledger is None:
        return []
    crossed = [entry for _, entry in dated_entries(conn, book, settled, settled) if entry.kind == "cross"]
    held = held_of(ledger.apply(crossed), rate.symbol)
    prices = [
        row["price"]
        for row in positions_of(conn, book, before)
        if row["symbol"] == rate.symbol and row["price"] is not None
    ]
    if not prices:
        return []
    return [BelatedFunding(rate, context.schedule.session_of(settled), prices[0], held)]


def _booked_since(context: Context, first: datetime, last: datetime) -> list[Entry]:
    dated = dated_entries(context.conn, context.book.name, _settled_at(context, first), last)
    return [entry for _, entry in dated if entry.kind == "funding"]


def tell_funding(context: Context, notes: Sequence[str], entries: Sequence[Entry]) -> None:
    """Tell people of instants without a rate, of rates that changed, and of what was booked late.

    Parameters
    ----------
    context : Context
        The session, in the transaction that stores it.
    notes : sequence of str
        See `Funding.notes`.
    entries : sequence of Entry
        All of the session.
    """
    conn, book, session = context.conn, context.book.name, context.session
    for note in notes:
        raise_alert(
            conn,
            f"funding {book} {context.name} {note[:80]}",
            "WARNING",
            f"{book}: funding that the ledger does not hold",
            f"{note}. Look at the source: universe.*.funding of the book.",
            book=book,
            session=session,
        )
    late = [one for one in entries if one.kind == "funding" and one.reference.endswith(LATE)]
    if late:
        words = "; ".join(f"{one.symbol} of {one.since}: {one.cash:+,.2f} dollars" for one in late)
        raise_alert(
            conn,
            f"late funding {book} {context.name}",
            "INFO",
            f"{book}: funding was booked late",
            f"Rates became known after their sessions were settled. Booked now: {words}.",
            book=book,
            session=session,
        )
