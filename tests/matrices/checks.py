"""What must hold between a desk and its broker whatever happened; a check gives what is wrong, in words."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from tests.session.alpaca_desk import AlpacaDesk
from tests.session.ibkr_desk import IbkrDesk
from tests.session.small_desk import session

#: A desk whose account is at a fake broker.
Desk = AlpacaDesk | IbkrDesk

#: How far an order has come; it may stay where it is, and never goes back.
_RANK = {"planned": 0, "submitted": 1, "partially_filled": 2}
_ENDED = 3


@dataclass(frozen=True)
class Decided:
    """An order as it was decided, or as the broker has it."""

    client_order_id: str
    symbol: str
    side: str
    quantity: Decimal


#: States in which an order of an account still works.
WORKING = ("new", "accepted", "partially_filled", "pending_cancel", "held", "pending_new")


def sold_once(desk: Desk) -> list[str]:
    """No more is to be sold than is held."""
    selling = Counter[str]()
    for one in desk.account.orders():
        if one.side == "sell" and one.status in WORKING:
            selling[one.symbol] += one.quantity - one.filled  # type: ignore[assignment]
    held = desk.account.holdings()
    return [
        f"{units} {symbol} are to be sold, {held.get(symbol, 0)} are held"
        for symbol, units in selling.items()
        if units > held.get(symbol, Decimal(0))
    ]


def decided(desk: Desk, number: int) -> frozenset[Decided]:
    """The orders that a session has decided."""
    rows = desk.rows(
        "SELECT client_order_id, symbol, side, quantity FROM nightdesk.orders WHERE session = %s",
        session(number),
    )
    return frozenset(Decided(*row) for row in rows)  # type: ignore[arg-type]


def at_broker(desk: Desk) -> list[Decided]:
    """All orders that the broker has, one for each time that it took it; those of a paper account too."""
    on_paper = desk.rows("SELECT client_order_id, symbol, side, quantity FROM nightdesk.paper_orders")
    return [
        Decided(one.client_order_id, one.symbol, one.side, one.quantity) for one in desk.account.orders()
    ] + [Decided(*row) for row in on_paper]  # type: ignore[arg-type]


def exactly_once(desk: Desk, number: int, wanted: Iterable[Decided]) -> list[str]:
    """Each order of a session is there once and nothing else is, and our rows say that it was sent."""
    wanted, own, earlier, wrong = frozenset(wanted), set(), set(), []
    for day, status, attempts, *order in desk.rows(
        "SELECT session, status, attempts, client_order_id, symbol, side, quantity FROM nightdesk.orders"
    ):
        one = Decided(*order)  # type: ignore[arg-type]
        if day != session(number):
            earlier.add(one.client_order_id)
            continue
        own.add(one)
        if status != "submitted" or not attempts:
            wrong.append(f"{one.client_order_id} is {status} after {attempts} attempts")
    there = Counter(one for one in at_broker(desk) if one.client_order_id not in earlier)
    wrong += [f"{one} is lost here" for one in wanted - own]
    wrong += [f"{one} was decided besides" for one in own - wanted]
    wrong += [f"{one} is not at the broker" for one in wanted - there.keys()]
    wrong += [f"{one} is at the broker and was not decided" for one in there.keys() - wanted]
    return wrong + [f"{one} is at the broker {count} times" for one, count in there.items() if count > 1]


def never_back(desk: Desk) -> list[str]:
    """The states of orders move forward."""
    wrong = []
    before: tuple[object, int, object] = (None, 0, None)
    for name, status in desk.rows(
        "SELECT client_order_id, status FROM nightdesk.order_events ORDER BY client_order_id, number"
    ):
        rank = _RANK.get(str(status), _ENDED)
        if name == before[0] and (rank < before[1] or (rank == _ENDED == before[1] and status != before[2])):
            wrong.append(f"{name} went from {before[2]} to {status}")
        before = (name, rank, status)
    return wrong


def only_true_fills(desk: Desk) -> list[str]:
    """Every fill that was booked is one that the broker really made, once, as it made it."""
    true = {
        name: (one.client_order_id, one.side, one.quantity, one.price)
        for name, one in desk.account.executions().items()
    }
    on_paper = "SELECT execution_id, client_order_id, side, quantity, price FROM nightdesk.paper_fills"
    true |= {str(name): tuple(facts) for name, *facts in desk.rows(on_paper)}  # type: ignore[misc]
    booked = desk.rows("SELECT execution_id, client_order_id, side, quantity, price FROM nightdesk.fills")
    return [f"fill {name} was booked as {facts}" for name, *facts in booked if true.get(name) != tuple(facts)]


def differences(desk: Desk, number: int) -> dict[str, tuple[Decimal, Decimal]]:
    """Where the ledger, after the settling of a session, differs from the true account: ledger, broker."""
    account, day = desk.account, session(number)
    rows = desk.rows(
        "SELECT symbol, sum(quantity) FROM nightdesk.positions "
        "WHERE session = %s AND account = 'main' GROUP BY symbol",
        day,
    )
    ledger = {str(symbol): Decimal(str(quantity)) for symbol, quantity in rows}
    [(cash,)] = desk.rows(
        "SELECT coalesce((SELECT a.cash FROM nightdesk.account_marks a "
        "WHERE a.session = p.session AND a.account = 'main'), p.cash) "
        "FROM nightdesk.portfolio p WHERE session = %s",
        day,
    )
    ledger["cash"] = Decimal(str(cash))
    broker = account.holdings() | {"cash": account.cash}
    pairs = {
        item: (ledger.get(item, Decimal(0)), broker.get(item, Decimal(0))) for item in {*ledger, *broker}
    }
    return {item: pair for item, pair in pairs.items() if pair[0] != pair[1]}


def ledger_is_account(desk: Desk, number: int) -> list[str]:
    """The ledger, after the settling of a session, is the true account."""
    return [
        f"{item}: ledger {own}, broker {theirs}" for item, (own, theirs) in differences(desk, number).items()
    ]


def ledger_agrees(desk: Desk, number: int) -> list[str]:
    """Ledger and broker say the same, and the desk saw no difference between them."""
    wrong = ledger_is_account(desk, number)
    found = desk.rows("SELECT item, ledger_value, broker_value FROM nightdesk.reconciliations")
    wrong += [f"the desk found {item}: ledger {own}, broker {theirs}" for item, own, theirs in found]
    [(nav, sum_of_parts)] = desk.rows(
        "SELECT nav, cash + (SELECT coalesce(sum(market_value), 0) FROM nightdesk.positions p "
        "WHERE p.session = f.session) FROM nightdesk.portfolio f WHERE session = %s",
        session(number),
    )
    return wrong + [f"NAV {nav} is not cash and positions {sum_of_parts}"] * (nav != sum_of_parts)


def one_each(desk: Desk, *numbers: int, besides: Iterable[str] = ()) -> list[str]:
    """No decision of the sessions is two orders at the broker, and nothing is there that was not decided, but
    for the orders that somebody else has sent.
    """
    own = frozenset().union(*(decided(desk, one) for one in numbers))
    there = Counter(one for one in at_broker(desk) if one.client_order_id not in besides)
    wrong = [f"{one} is at the broker {count} times" for one, count in there.items() if count > 1]
    return wrong + [f"{one} is at the broker and was not decided" for one in there.keys() - own]


def ended_alike(desk: Desk, number: int) -> list[str]:
    """The orders of a session ended here as they did at the broker, with as much filled."""
    there = {one.client_order_id: (one.status, one.filled) for one in desk.account.orders()}
    there |= _on_paper(desk)
    rows = desk.rows(
        "SELECT client_order_id, status, filled_quantity FROM nightdesk.orders "
        "WHERE session = %s AND status <> 'suppressed'",
        session(number),
    )
    wrong = []
    for name, status, filled in rows:
        if status == "rejected" and name not in there:  # refused when it was sent, or not sent at all
            continue
        theirs = there.get(str(name), ("not there", Decimal(0)))
        if status in ("submitted", "partially_filled") and theirs[0] in WORKING:  # what rests
            status = theirs[0]
        if (status, filled) != theirs:
            wrong.append(
                f"{name} is {status} with {filled} filled, at the broker {theirs[0]} with {theirs[1]}"
            )
    return wrong


def _on_paper(desk: Desk) -> dict[str, tuple[str, Decimal]]:
    """Where the orders of a paper account stand there, and how much of them is filled."""
    rows = desk.rows(
        "SELECT o.client_order_id, o.status, coalesce(sum(f.quantity), 0) FROM nightdesk.paper_orders o "
        "LEFT JOIN nightdesk.paper_fills f USING (account, client_order_id) GROUP BY 1, 2"
    )
    return {str(name): (str(status), Decimal(str(filled))) for name, status, filled in rows}


def untold(desk: Desk) -> list[str]:
    """What was refused or is in dispute is told to people; so is a difference, which has stopped the book."""
    refused = desk.rows(
        "SELECT execution_id FROM nightdesk.executions e WHERE refused IS NOT NULL AND NOT EXISTS "
        "(SELECT FROM nightdesk.alerts WHERE alert_key = 'fill small ' || e.execution_id)"
    )
    silent = desk.rows(
        "SELECT DISTINCT session FROM nightdesk.reconciliations r WHERE NOT EXISTS "
        "(SELECT FROM nightdesk.alerts WHERE alert_key = 'reconciliation small ' || r.session) OR NOT EXISTS "
        "(SELECT FROM nightdesk.risk_events e WHERE e.session = r.session AND e.kind = 'kill')"
    )
    disputed = desk.rows(
        "SELECT symbol, session FROM nightdesk.disputed_positions d WHERE NOT EXISTS "
        "(SELECT FROM nightdesk.alert_spells s WHERE s.kind = 'dispute' AND s.subject = d.symbol) AND NOT "
        "EXISTS (SELECT FROM nightdesk.reconciliations r WHERE (r.session, r.item) = (d.session, d.symbol)) "
        "AND NOT EXISTS "
        "(SELECT FROM nightdesk.executions e WHERE e.refused IS NOT NULL AND e.symbol = d.symbol)"
    )
    wrong = [f"execution {name} was refused and not told" for (name,) in refused]
    wrong += [f"{symbol} was in dispute at {day} and not told" for symbol, day in disputed]
    return wrong + [f"a difference of {day} was not told, or has not stopped the book" for (day,) in silent]


def unseen_differences(desk: Desk, number: int) -> list[str]:
    """Where the ledger is not the true account after a settling, the desk has stored a difference.

    Where a position is in dispute, so is the cash that was paid for it.
    """
    told = desk.rows(
        "SELECT item, ledger_value FROM nightdesk.reconciliations WHERE session = %s", session(number)
    )
    disputed = desk.rows(
        "SELECT symbol, ledger_value FROM nightdesk.disputed_positions WHERE session = %s", session(number)
    )
    return [
        f"{item} of {session(number)}: ledger {own}, broker {theirs}, and nobody was told"
        for item, (own, theirs) in differences(desk, number).items()
        if (item, own) not in [*told, *disputed] and not (item == "cash" and disputed)
    ]


def traded_in_dispute(desk: Desk) -> list[str]:
    """No order was sent in a symbol whose position its session had left in dispute."""
    sent = desk.rows(
        "SELECT client_order_id FROM nightdesk.orders JOIN nightdesk.disputed_positions "
        "USING (book, session, symbol) WHERE attempts > 0"
    )
    return [f"{name} was sent though its position was in dispute" for (name,) in sent]


def never_short(desk: Desk) -> list[str]:
    """The account holds nothing short, and has borrowed nothing."""
    account = desk.account
    wrong = [f"{name} is {units}" for name, units in account.holdings().items() if units < 0]
    return wrong + [f"cash is {account.cash}"] * (account.cash < 0)
