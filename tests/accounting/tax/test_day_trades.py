"""Day trades as tables: what counts as one, and what does not."""

from datetime import date
from decimal import Decimal

import pytest
from tests.accounting.tax.stories import ledger_of

DAY = date(2024, 3, 4)


@pytest.mark.parametrize(
    ("story", "count"),
    [
        ("2024-03-04 buy 10 100\n2024-03-04 sell 10 100", 1),
        ("2024-03-04 buy 10 100\n2024-03-05 sell 10 100", 0),
        ("2024-03-04 sell 10 100\n2024-03-04 buy 10 100", 1),  # a short sale
        ("2024-03-01 buy 10 100\n2024-03-04 sell 10 100\n2024-03-04 buy 10 100", 0),  # held overnight
        ("2024-03-01 buy 10 100\n2024-03-04 buy 5 50\n2024-03-04 sell 5 50", 1),  # bought today, then sold
        ("2024-03-04 buy 10 100\n2024-03-04 sell 5 50\n2024-03-04 sell 5 50", 1),  # in two pieces
        ("2024-03-04 buy 5 50\n2024-03-04 buy 5 50\n2024-03-04 sell 10 100", 1),
        (
            "2024-03-04 buy 5 50\n2024-03-04 sell 5 50\n2024-03-04 buy 5 50\n2024-03-04 sell 5 50",
            2,
        ),
        ("2024-03-04 buy 5 50\n2024-03-04 buy 5 50 QQQ\n2024-03-04 sell 5 50\n2024-03-04 sell 5 50 QQQ", 2),
        ("2024-03-04 buy 1 50 BTC-USD\n2024-03-04 sell 1 50 BTC-USD", 0),  # no security
        ("2024-03-04 buy 10 100 @two\n2024-03-04 sell 10 100 @two", 0),  # another account
    ],
)
def test_a_day_trade_is_opened_and_closed_in_one_session(story: str, count: int) -> None:
    assert ledger_of(story).day_trades.since("one", DAY) == count


def test_day_trades_count_from_a_session_on() -> None:
    story = "\n".join(f"2024-03-{day:02} buy 1 10\n2024-03-{day:02} sell 1 10" for day in (4, 5, 6))
    trades = ledger_of(story).day_trades
    assert [trades.since("one", date(2024, 3, day)) for day in (4, 5, 6, 7)] == [3, 2, 1, 0]


def test_what_was_opened_in_a_session_is_told_until_it_is_closed() -> None:
    trades = ledger_of("2024-03-04 buy 10 100\n2024-03-04 buy 5 50 QQQ\n2024-03-04 sell 5 50 QQQ").day_trades
    assert trades.opened_in("one", DAY) == {"SPY": Decimal(10)}
    assert trades.opened_in("one", date(2024, 3, 5)) == {}
