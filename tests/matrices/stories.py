"""Stories of the fault matrix: answers that stay old for evenings, and a person who trades as well."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal

import pytest
from tests.conftest import open_connection
from tests.matrices.checks import (
    ledger_is_account,
    never_back,
    never_short,
    one_each,
    only_true_fills,
    traded_in_dispute,
    unseen_differences,
    untold,
)
from tests.matrices.faulting import Cell
from tests.matrices.operations import TRADING
from tests.matrices.scenes import WatchedDesk
from tests.matrices.stage import Stage
from tests.session.alpaca_desk import trade_by_hand
from tests.session.small_desk import session

from nightdesk import engine
from nightdesk.core.errors import Refused, Transient
from nightdesk.operations.adopt import adopt
from nightdesk.operations.kill_switch import release
from nightdesk.operations.verify import verify
from nightdesk.store.broker_rows import newest_differences
from nightdesk.store.kill_switch_rows import kill_switch

_LISTS = ("positions", "account", "fills", "movements", "orders")

#: What goes on telling how things stood before the open.
STALE: dict[str, tuple[str, ...]] = {
    "all but the orders by their ids are old": _LISTS,
    "positions are old": ("positions",),
    "the account is old": ("account",),
    "activities are old": ("fills", "movements"),
    "orders are old": ("query", "open_orders", "orders"),
    "everything is old": (*_LISTS, "query", "open_orders"),
}

#: What a person does with a position that the book wants to close: the side, and which part of it.
BY_HAND: dict[str, tuple[str, int]] = {
    "sold by hand": ("sell", 1),
    "sold by hand in part": ("sell", 2),
    "bought by hand": ("buy", 2),
}

EVENINGS = {"for one evening": 1, "for three evenings": 3}
MOMENTS = ("before settling", "between settling and sending")

#: The heads of the tables, and of their columns.
KINDS = {"answers that stay old": tuple(EVENINGS), "a person trades as well": MOMENTS}

#: Name, and the moment or the number of evenings.
Stories = dict[tuple[str, str], Cell]


def tell_stories(sent: Stage, *, brief: bool, number: int, parts: int) -> Stories:
    """Every `parts`-th story.

    Parameters
    ----------
    sent : Stage
        A book that holds positions has sent the orders of `TRADING`.
    brief : bool
        One story of each kind.
    number, parts : int
        Which part.
    """
    stale = [(name, when) for name in STALE for when in EVENINGS]
    hand = [(name, when) for name in BY_HAND for when in MOMENTS]
    chosen = [stale[0], hand[0]] if brief else stale + hand
    return {story: _tell(sent, *story) for story in chosen[number::parts]}


def _tell(sent: Stage, name: str, when: str) -> Cell:
    sent.restore()
    desk = sent.desk
    desk.run_steps(TRADING, "report", "close")
    wrong: list[str] = []
    if name in STALE:
        by_hand, last = frozenset[str](), _stay_old(desk, STALE[name], EVENINGS[when], wrong)
    else:
        by_hand, last = _trade(desk, *BY_HAND[name], before=when == MOMENTS[0])
    wrong += [f"{why} (before all was well again)" for why in never_short(desk)]
    words = _words(desk)
    for number in (last + 1, last + 2):
        _look_after(desk)
        desk.live_through(number)
        _decide(desk, number, wrong)
    desk.live_through(last + 3)
    desk.evening(last + 3)
    desk.run_steps(last + 3, "ingest", "settle")
    wrong += [f"{why} at the end" for why in ledger_is_account(desk, last + 3)]
    wrong += untold(desk) + traded_in_dispute(desk) + only_true_fills(desk) + never_back(desk)
    wrong += never_short(desk) + one_each(desk, *range(last + 4), besides=by_hand)
    with desk.at(last + 3) as context:
        wrong += [f"verify: {one}" for one in verify(context.conn, "small").differences]
    return Cell(words, tuple(wrong))


def _stay_old(desk: WatchedDesk, lists: Sequence[str], evenings: int, wrong: list[str]) -> int:
    """Let answers be old for some evenings; the last session that was decided, or could not be."""
    desk.fake.lag(*lists)
    for number in range(TRADING + 1, TRADING + 1 + evenings):
        desk.live_through(number)
        _decide(desk, number, wrong)
    desk.fake.heal()
    return TRADING + evenings


def _trade(desk: WatchedDesk, side: str, part: int, *, before: bool) -> tuple[frozenset[str], int]:
    """Let a person trade in what the book wants to close; the order, and the session of it."""
    number = TRADING + 1
    with _closing():
        if before:
            desk.open_market(number)
            name = _by_hand(desk, side, part)
            desk.fake.exchange.close_market(desk.prices(number, 5))
            desk.decide(number)
        else:
            desk.live_through(number)
            desk.evening(number)
            desk.price_coins(number)
            desk.run_steps(number, "ingest", "orders")
            name = _by_hand(desk, side, part)
            desk.run_steps(number, "submit", "close")
    return frozenset({name}), number


def _by_hand(desk: WatchedDesk, side: str, part: int) -> str:
    held = desk.fake.exchange.state.holdings
    symbol = min(name for name, one in held.items() if "/" not in name and one.quantity > 1)
    quantity = -(-held[symbol].quantity // part)
    return trade_by_hand(desk.fake, side, symbol, Decimal(quantity), float(held[symbol].price))


@contextmanager
def _closing() -> Iterator[None]:
    """The book wants to hold nothing."""
    plan = engine.plan_all
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            engine, "plan_all", lambda desk, state, day, q, *rest: plan(desk, state, day, 0 * q, *rest)
        )
        yield


def _decide(desk: WatchedDesk, number: int, wrong: list[str]) -> None:
    """Decide every session that is not closed yet, as far as it goes."""
    desk.evening(number)
    desk.price_coins(number)
    closed = {day for (day,) in desk.rows("SELECT session FROM nightdesk.runs WHERE status = 'closed'")}
    for one in range(TRADING + 1, number + 1):
        if session(one) in closed:
            continue
        try:
            desk.run_steps(one, "ingest", "settle")
        except Transient:
            return
        if one == number:  # an earlier one is settled with what has happened since
            wrong += unseen_differences(desk, number)
        desk.run_steps(one, "targets", "close")


def _look_after(desk: WatchedDesk) -> None:
    """Let a person take over what differs, and release the book.

    What executions may still come for is refused to be taken over: then the next session comes first.
    """
    with open_connection(desk.url) as conn:
        differs = bool(newest_differences(conn, "small"))
    if differs:
        try:
            with desk.standing() as context:
                adopt(context, reason="looked at", who="somebody")
        except Refused as refusal:
            if "still awaited" not in str(refusal):
                raise
            return
    with open_connection(desk.url) as conn:
        if kill_switch(conn, "small", date.max).on:
            release(conn, "small", reason="it was looked at", who="somebody")


def _words(desk: WatchedDesk) -> str:
    """What the desk made of it."""
    asked = {
        "stopped, told": "SELECT FROM nightdesk.reconciliations",
        "disputed, told": "SELECT FROM nightdesk.disputed_positions",
        "held back": "SELECT FROM nightdesk.order_events WHERE strpos(cause, 'dispute') > 0",
        "waited": "SELECT FROM nightdesk.runs WHERE status <> 'closed'",
    }
    return "; ".join(words for words, statement in asked.items() if desk.rows(statement)) or "agreed"
