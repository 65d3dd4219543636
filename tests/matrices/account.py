"""Stories of the account itself: its broker's clock, what bars it, and orders of others on it.

Each finds the orders of a session planned, and lets the submit step meet the story. Then a person, or time,
answers as the alert says; what was held back is sent again, the session ends, and the next one is settled.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from tests.clock import set_clock
from tests.conftest import open_connection
from tests.fakes.alpaca_orders import receive
from tests.matrices.checks import ended_alike, never_back, only_true_fills, unseen_differences, untold
from tests.matrices.faulting import Cell
from tests.matrices.operations import TRADING, Operation
from tests.matrices.scenes import WatchedDesk
from tests.session.small_desk import session

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused, Transient
from nightdesk.operations.resend import resend
from nightdesk.operations.verify import verify
from nightdesk.orders.order import client_order_id
from nightdesk.session.foreign_orders import claim
from nightdesk.store.kill_switch_rows import kill_switch

OTHER_MARK = "zzz999"

_CLOSE = get_calendar().close_at(session(TRADING))


@dataclass(frozen=True)
class Story:
    """One row.

    Attributes
    ----------
    name : str
    begins : callable
        What is found at the broker, or on its clock.
    answer : callable
        What a person, or time, does about it.
    sends : str
        What may be sent meanwhile: "nothing", "sales" or "all that is not refused".
    alert : str
        How the key of the one alert begins that is raised.
    main : bool
        Whether it is told where there is little time.
    """

    name: str
    begins: Callable[[WatchedDesk], None]
    answer: Callable[[WatchedDesk], None]
    sends: str
    alert: str
    main: bool = False


def _clock(ahead: timedelta) -> Callable[[WatchedDesk], None]:
    def begins(desk: WatchedDesk) -> None:
        desk.go_to(desk.fake.exchange.now + timedelta(minutes=10))
        set_clock(desk.url, desk.fake.exchange.now + ahead)

    return begins


def _set_clock(desk: WatchedDesk) -> None:
    desk.go_to(desk.fake.exchange.now)


def _standing(**standing: object) -> Callable[[WatchedDesk], None]:
    return lambda desk: desk.fake.exchange.standing.update(standing)


def _clear_standing(desk: WatchedDesk) -> None:
    desk.fake.exchange.standing.clear()


def _spend(desk: WatchedDesk) -> None:
    """The purchase costs more than the account can pay, since the money of other symbols is no margin."""
    exchange = desk.fake.exchange
    exchange.margin = 1
    [(symbol, price)] = desk.rows(
        "SELECT symbol, reference_price FROM nightdesk.orders WHERE status = 'planned' AND side = 'buy'"
    )
    exchange.price(str(symbol), price * 1_000)  # type: ignore[operator]


def _earn(desk: WatchedDesk) -> None:
    desk.fake.exchange.margin = 2
    [(symbol, price)] = desk.rows(
        "SELECT symbol, reference_price FROM nightdesk.orders WHERE status = 'rejected' AND side = 'buy'"
    )
    desk.fake.exchange.price(str(symbol), price)  # type: ignore[arg-type]


def _place(desk: WatchedDesk, name: str, symbol: str) -> None:
    order = {"symbol": symbol, "side": "buy", "qty": "1", "type": "limit", "limit_price": "1"}
    receive(desk.fake.exchange, {**order, "time_in_force": "gtc", "client_order_id": name})


def _persons(side: str) -> Callable[[WatchedDesk], None]:
    """A person's order in the symbol that the book buys or sells."""

    def begins(desk: WatchedDesk) -> None:
        [(symbol,)] = desk.rows(
            "SELECT symbol FROM nightdesk.orders WHERE status = 'planned' AND side = %s", side
        )
        _place(desk, "a-persons-order", str(symbol))

    return begins


def _desks(mark: str | None) -> Callable[[WatchedDesk], None]:
    """An order that a desk has sent: with another mark, none, or (None) this installation's own."""

    def begins(desk: WatchedDesk) -> None:
        own = str(desk.rows("SELECT mark FROM nightdesk.installation")[0][0])
        used = own if mark is None else mark
        _place(desk, client_order_id("small", _CLOSE, "GLD", "buy", "another", mark=used), "GLD")

    return begins


def _sent_by_another(desk: WatchedDesk) -> None:
    """Another installation has decided the same and was quicker."""
    for symbol, side, quantity in desk.rows(
        "SELECT symbol, side, quantity FROM nightdesk.orders WHERE status = 'planned'"
    ):
        name = client_order_id("small", _CLOSE, str(symbol), str(side), "rebalance", mark=OTHER_MARK)
        order = {"symbol": symbol, "side": side, "qty": f"{quantity:f}", "type": "market"}
        receive(desk.fake.exchange, {**order, "time_in_force": "day", "client_order_id": name})


def _cancel_all(desk: WatchedDesk) -> None:
    for one in desk.fake.orders:
        if OTHER_MARK in one["client_order_id"]:
            desk.fake.exchange.cancel(one["id"])


def _claim(desk: WatchedDesk) -> None:
    with desk.standing() as context:
        claim(context, reason="it is known", who="somebody")


def _cancel(desk: WatchedDesk) -> None:
    for one in desk.fake.orders:
        if one["time_in_force"] == "gtc" and one["limit_price"] == "1":
            desk.fake.exchange.cancel(one["id"])


_AHEAD, _A_DAY, _BEHIND = timedelta(minutes=90), timedelta(days=1), -timedelta(minutes=2)
_NOT, _SUSPENDED = _clear_standing, {"trade_suspended_by_user": True}

STORIES = (
    Story("database 90 minutes ahead", _clock(_AHEAD), _set_clock, "nothing", "clocks", main=True),
    Story("database a day ahead", _clock(_A_DAY), _set_clock, "nothing", "clocks"),
    Story("database 2 minutes behind", _clock(_BEHIND), _set_clock, "nothing", "clocks"),
    Story("orders are blocked", _standing(trading_blocked=True), _NOT, "nothing", "unsent", main=True),
    Story("account is blocked", _standing(account_blocked=True), _NOT, "nothing", "unsent"),
    Story("suspended by its owner", _standing(**_SUSPENDED), _NOT, "nothing", "unsent"),
    Story("account is closed", _standing(status="ACCOUNT_CLOSED"), _NOT, "nothing", "unsent"),
    Story("account in euros", _standing(currency="EUR"), _NOT, "nothing", "unsent"),
    Story("no buying power", _spend, _earn, "what is not refused", "unsent", main=True),
    Story("a person buys what is bought", _persons("buy"), _claim, "sales", "foreign", main=True),
    Story("a person buys what is sold", _persons("sell"), _cancel, "nothing", "foreign"),
    Story("another installation, which stops", _desks(OTHER_MARK), _cancel, "nothing", "foreign", main=True),
    Story("another installation, claimed", _desks(OTHER_MARK), _claim, "nothing", "foreign"),
    Story("a desk without a mark", _desks(""), _claim, "nothing", "foreign"),
    Story("this installation, later", _desks(None), _claim, "nothing", "foreign"),
    Story("the same decision was sent by another", _sent_by_another, _cancel_all, "nothing", "foreign"),
)


def try_story(story: Story, sending: Operation) -> Cell:
    """What came of a story.

    Parameters
    ----------
    story : Story
        The row.
    sending : Operation
        That which submits what is planned, and goes on to the settled session after it.
    """
    desk, number, wrong = sending.desk, sending.number, list[str]()
    sending.stage.restore()
    margin = desk.fake.exchange.margin
    try:
        story.begins(desk)
        first = _attempt(sending.run)
        second = _attempt(sending.run)
        meanwhile = desk.fake.created
        wrong += _sent_more(story, desk) + _not_told_once(story, desk)
        if type(first) is not type(second):
            wrong.append(f"tried again it says something else: {first} and {second}")
        story.answer(desk)
        if first is not None and (error := _attempt(sending.run)) is not None:
            wrong.append(f"it fails though all is well again: {error}")
        again = _send_again(desk, number, wrong)
        assert sending.go_on is not None
        sending.go_on()
    finally:
        desk.fake.exchange.standing.clear()
        desk.fake.exchange.margin = margin
    wrong += _locked(desk, number + 1)
    wrong += unseen_differences(desk, number + 1) + untold(desk) + only_true_fills(desk) + never_back(desk)
    wrong += ended_alike(desk, number) + _twice(desk)
    head = "waited" if first is not None else "held back"
    then = "sent after" if first is not None else f"{again} sent again"
    return Cell(f"{meanwhile} sent, {head}, told; {then}; agreed", tuple(wrong))


def _attempt(run: Callable[[], object]) -> Exception | None:
    """Run a step once; the error of the desk that it ended in."""
    try:
        run()
    except (Transient, Refused) as error:
        return error
    return None


def _sent_more(story: Story, desk: WatchedDesk) -> list[str]:
    sides = [one.body["side"] for one in desk.fake.asked("submit")]
    if story.sends == "nothing" and sides:
        return [f"{len(sides)} orders were sent"]
    if story.sends == "sales" and sides != ["sell"]:
        return [f"sent was {sides}, not the sale alone"]
    return []


def _not_told_once(story: Story, desk: WatchedDesk) -> list[str]:
    told = desk.rows(
        "SELECT alert_key, level FROM nightdesk.alerts WHERE session = %s AND alert_key ~ %s",
        session(TRADING),
        "^(clocks|unsent|foreign)",
    )
    if [str(key).split()[0] for key, _ in told] != [story.alert]:
        return [f"told was {told}, not one alert of {story.alert}"]
    return [f"told as {level}" for _, level in told if level not in ("CRITICAL", "EMERGENCY")]


def _send_again(desk: WatchedDesk, number: int, wrong: list[str]) -> int:
    """Send what was held back or refused once more; how many were sent."""
    held = desk.rows(
        "SELECT client_order_id FROM nightdesk.orders WHERE session = %s AND status IN "
        "('suppressed', 'rejected')",
        session(number),
    )
    for (name,) in held:
        with desk.standing() as context:
            try:
                status = resend(
                    context.at(session(number)), str(name), reason="it was answered", who="somebody"
                ).status
            except Refused as error:
                status = str(error)
        if status != "submitted":
            wrong.append(f"{name} cannot be sent again: {status}")
    return len(held)


def _locked(desk: WatchedDesk, number: int) -> list[str]:
    """What keeps a book from going on by itself: an unfinished session, a switch, a ledger that is wrong."""
    desk.price_coins(number)
    desk.run_steps(number, "targets", "close")
    with open_connection(desk.url) as conn:
        wrong = [f"verify finds {one}" for one in verify(conn, "small").differences]
        if kill_switch(conn, "small", date.max).on:
            wrong.append("the book is stopped")
    left = desk.rows("SELECT session, status FROM nightdesk.runs WHERE status <> 'closed'")
    late = [(day, status) for day, status in left if day <= session(number)]  # type: ignore[operator]
    return wrong + [f"session {day} is {status}" for day, status in late]


def _twice(desk: WatchedDesk) -> list[str]:
    """No decision is two orders at the broker: no two of one symbol and session that were both executed."""
    sent = desk.rows(
        "SELECT session, symbol, side, purpose, count(*) FROM nightdesk.orders WHERE filled_quantity > 0 "
        "GROUP BY 1, 2, 3, 4 HAVING count(*) > 1"
    )
    return [f"{side} {symbol} of {day} was executed {count} times" for day, symbol, side, _, count in sent]
