"""The Flex statement of a fake gateway's account, read by the desk's own reader."""

from datetime import UTC, date, datetime
from decimal import Decimal

from tests.conftest import PROJECT
from tests.fakes.ibkr import IbkrGateway
from tests.fakes.ibkr_client import connected, send
from tests.fakes.ibkr_flex import statement_of

from nightdesk.brokers.flex_statements import read_flex
from nightdesk.core.book import load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.universe import Instrument


def test_a_statement_has_the_executions_and_the_cash_of_the_account() -> None:
    universe = {
        **load_book(PROJECT / "books" / "multi_asset.yaml").universe,
        "BRK-B": Instrument(asset_class="equity", max_weight=0.1),
    }
    with IbkrGateway(datetime(2024, 1, 3, 15, tzinfo=UTC)) as gateway, connected(gateway) as ib:
        gateway.prices["BRK-B"] = 360
        send(ib, "SELL", 40, "nd-1", "BRK B")
        first = gateway.executions[0].exec_id
        second = gateway.correct(first, price=361)
        gateway.pay_dividend("BRK-B", 0.5)
        gateway.move_cash(-3.21, "Broker Interest Paid")
        gateway.now = datetime(2024, 1, 4, 7, tzinfo=UTC)
        content = statement_of(gateway, date(2024, 1, 3), date(2024, 1, 3))
        empty = statement_of(gateway, date(2024, 1, 2), date(2024, 1, 2))
    statement = read_flex(content, gateway.account, universe, get_calendar())
    assert [(one.execution_id, one.corrects, one.price) for one in statement.fills] == [
        (first, "", 360),
        (second, first, 361),
    ]
    fill = statement.fills[0]
    assert (fill.client_order_id, fill.symbol, fill.side, fill.quantity) == ("nd-1", "BRK-B", "sell", 40)
    assert (fill.commission, fill.executed_at) == (1, datetime(2024, 1, 3, 15, tzinfo=UTC))
    assert [(one.kind, one.symbol, one.cash) for one in statement.movements] == [
        ("dividend", "BRK-B", Decimal("-20.00")),
        ("interest", "", Decimal("-3.21")),
    ]
    nothing = read_flex(empty, gateway.account, universe, get_calendar())
    assert (nothing.fills, nothing.movements) == ((), ())
