"""Wash sales as tables, worked by hand; the first ones are the examples of Pub. 550 and the Regulations."""

from datetime import date
from decimal import Decimal

import pytest
from tests.accounting.tax.stories import form_of, ledger_of, lots_of

from nightdesk.accounting.tax import TaxLedger, long_term, market_split, settled_on, tax_view

#: Name, story, lines of the form, open lots (units, acquired, held since, basis).
TABLES = [
    (
        # Pub. 550, "Wash Sales", the first example: 750 - 1000 = -250, disallowed; 800 + 250 = 1050.
        # Held from January 10 to March 4, which is 54 days; March 20 less 54 days is January 26.
        "all of it is bought back",
        """
        2024-01-10 buy 100 1000.00
        2024-03-04 sell 100 750.00
        2024-03-20 buy 100 800.00
        """,
        ["I 100 SPY 2024-01-10 2024-03-04 750.00 1000.00 W 250.00 0.00"],
        ["100 2024-03-20 2024-01-26 1050.00"],
    ),
    (
        # Pub. 550, "More or less stock bought than sold": 4000 - 5000 = -1000, of which 75/100 = 750 are
        # disallowed. 50/75 of it to the first purchase: 2750 + 500; the rest to the second: 1125 + 250.
        # September 24 to January 4 are 102 days: December 21 - 102 = September 10, December 28 - 102 = 17.
        "less is bought before than is sold after, over the year's end",
        """
        2022-09-24 buy 100 5000.00
        2022-12-21 buy 50 2750.00
        2022-12-28 buy 25 1125.00
        2023-01-04 sell 100 4000.00
        """,
        ["I 100 SPY 2022-09-24 2023-01-04 4000.00 5000.00 W 750.00 -250.00"],
        ["50 2022-12-21 2022-09-10 3250.00", "25 2022-12-28 2022-09-17 1375.00"],
    ),
    (
        # Reg. 1.1091-1(h), example 1: all of 1000 is disallowed; 9000 + 1000.
        # December 1 to January 3 are 33 days; December 15 - 33 = November 12.
        "the other lot was bought before the sale",
        """
        1954-12-01 buy 100 10000.00
        1954-12-15 buy 100 9000.00
        1955-01-03 sell 100 9000.00
        """,
        ["I 100 SPY 1954-12-01 1955-01-03 9000.00 10000.00 W 1000.00 0.00"],
        ["100 1954-12-15 1954-11-12 10000.00"],
    ),
    (
        # Reg. 1.1091-1(h), example 3: of four purchases of 50 the first two replace the 100 sold; 500 each.
        # September 15, 1954 to February 1, 1956 are 504 days: February 15 - 504 = September 29, 1954.
        "more is bought than was sold: the first acquired replace",
        """
        1954-09-15 buy 100 5000.00
        1956-02-01 sell 100 4000.00
        1956-02-15 buy 50 2000.00
        1956-02-16 buy 50 2000.00
        1956-02-17 buy 50 2000.00
        1956-02-18 buy 50 2000.00
        """,
        ["II 100 SPY 1954-09-15 1956-02-01 4000.00 5000.00 W 1000.00 0.00"],
        [
            "50 1956-02-15 1954-09-29 2500.00",
            "50 1956-02-16 1954-09-30 2500.00",
            "50 1956-02-17 1956-02-17 2000.00",
            "50 1956-02-18 1956-02-18 2000.00",
        ],
    ),
    (
        # Reg. 1.1091-2(a), example 1: bought at 100, sold at 80, bought back at 90: 90 + 20 = 110.
        "the basis of what is bought back dearer",
        """
        2010-06-01 buy 1 100.00
        2015-01-15 sell 1 80.00
        2015-02-01 buy 1 90.00
        2016-03-01 sell 1 120.00
        """,
        [
            "II 1 SPY 2010-06-01 2015-01-15 80.00 100.00 W 20.00 0.00",
            "II 1 SPY 2015-02-01 2016-03-01 120.00 110.00 - 0.00 10.00",
        ],
        [],
    ),
    (
        # Reg. 1.1091-2(a), example 2: bought back at 70: 70 + 20 = 90. Sold a month later it is long term,
        # since the years of the first share are added to the month of the second.
        "the basis of what is bought back cheaper, and its holding period",
        """
        2010-06-01 buy 1 100.00
        2015-01-15 sell 1 80.00
        2015-02-01 buy 1 70.00
        2015-03-02 sell 1 95.00
        """,
        [
            "II 1 SPY 2010-06-01 2015-01-15 80.00 100.00 W 20.00 0.00",
            "II 1 SPY 2015-02-01 2015-03-02 95.00 90.00 - 0.00 5.00",
        ],
        [],
    ),
    (
        # 40 of 100 come back: 40/100 of 300 is 120. 40 x 8 = 320, + 120 = 440. 60 stay out: -180 counts.
        "less is bought back than was sold",
        """
        2024-01-10 buy 100 1000.00
        2024-02-09 sell 100 700.00
        2024-02-20 buy 40 320.00
        """,
        ["I 100 SPY 2024-01-10 2024-02-09 700.00 1000.00 W 120.00 -180.00"],
        ["40 2024-02-20 2024-01-21 440.00"],
    ),
    (
        # 150 for 100: the purchase is divided. 100/150 of 1200 is 800, + 300; the other 50 stay as they are.
        # Held for 30 days: February 20 - 30 = January 21.
        "more is bought back than was sold: the lot is divided",
        """
        2024-01-10 buy 100 1000.00
        2024-02-09 sell 100 700.00
        2024-02-20 buy 150 1200.00
        """,
        ["I 100 SPY 2024-01-10 2024-02-09 700.00 1000.00 W 300.00 0.00"],
        ["100 2024-02-20 2024-01-21 1100.00", "50 2024-02-20 2024-02-20 400.00"],
    ),
    (
        # February 9 + 30 = March 10 (2024 has a February 29), a day of the window.
        "bought back on the 30th day",
        """
        2023-11-01 buy 10 100.00
        2024-02-09 sell 10 80.00
        2024-03-10 buy 10 90.00
        """,
        ["I 10 SPY 2023-11-01 2024-02-09 80.00 100.00 W 20.00 0.00"],
        ["10 2024-03-10 2023-12-01 110.00"],
    ),
    (
        "bought back on the 31st day",
        """
        2023-11-01 buy 10 100.00
        2024-02-09 sell 10 80.00
        2024-03-11 buy 10 90.00
        """,
        ["I 10 SPY 2023-11-01 2024-02-09 80.00 100.00 - 0.00 -20.00"],
        ["10 2024-03-11 2024-03-11 90.00"],
    ),
    (
        # February 9 - 30 = January 10, - 31 = January 9.
        "bought 30 and 31 days before",
        """
        2023-11-01 buy 20 200.00
        2024-01-09 buy 10 90.00
        2024-01-10 buy 10 95.00
        2024-02-09 sell 20 160.00
        """,
        # 10 of 20 are replaced: 20 of 40 dollars. November 1 to February 9 are 100 days;
        # January 10 - 100 = October 2.
        ["I 20 SPY 2023-11-01 2024-02-09 160.00 200.00 W 20.00 -20.00"],
        ["10 2024-01-09 2024-01-09 90.00", "10 2024-01-10 2023-10-02 115.00"],
    ),
    (
        # Sold in December 2024, bought back in January 2025: the loss is none of 2024's, nor of 2025's yet.
        # December 2 to 20 are 18 days; January 6 - 18 = December 19.
        "the window reaches over the year's end",
        """
        2024-12-02 buy 10 1000.00
        2024-12-20 sell 10 900.00
        2025-01-06 buy 10 880.00
        """,
        ["I 10 SPY 2024-12-02 2024-12-20 900.00 1000.00 W 100.00 0.00"],
        ["10 2025-01-06 2024-12-19 980.00"],
    ),
    (
        # The gain is taxed, whatever is bought back.
        "a gain is never adjusted",
        """
        2024-01-10 buy 10 100.00
        2024-02-09 sell 10 120.00
        2024-02-12 buy 10 118.00
        """,
        ["I 10 SPY 2024-01-10 2024-02-09 120.00 100.00 - 0.00 20.00"],
        ["10 2024-02-12 2024-02-12 118.00"],
    ),
    (
        # One sale of two lots: 10 at +20 and 10 at -30. The purchase replaces the lot of the loss alone.
        # Held from January 10 to February 9, 30 days: February 12 - 30 = January 13. 115 + 30.
        "a sale of a gain and a loss",
        """
        2024-01-03 buy 10 100.00
        2024-01-10 buy 10 150.00
        2024-02-09 sell 20 240.00
        2024-02-12 buy 10 115.00
        """,
        [
            "I 10 SPY 2024-01-03 2024-02-09 120.00 100.00 - 0.00 20.00",
            "I 10 SPY 2024-01-10 2024-02-09 120.00 150.00 W 30.00 0.00",
        ],
        ["10 2024-02-12 2024-01-13 145.00"],
    ),
    (
        # Rev. Rul. 56-602: 40 of one purchase are sold at 400 - 320 = 80 loss; its other 60 replace nothing.
        "the rest of the same purchase is no replacement",
        """
        2024-01-10 buy 100 1000.00
        2024-01-22 sell 40 320.00
        """,
        ["I 40 SPY 2024-01-10 2024-01-22 320.00 400.00 - 0.00 -80.00"],
        ["60 2024-01-10 2024-01-10 600.00"],
    ),
    (
        # Both lots leave in one sale: neither is held after it, so neither replaces the other.
        "what is sold together does not replace itself",
        """
        2024-01-10 buy 10 100.00
        2024-01-16 buy 10 90.00
        2024-01-22 sell 20 160.00
        """,
        [
            "I 10 SPY 2024-01-10 2024-01-22 80.00 100.00 - 0.00 -20.00",
            "I 10 SPY 2024-01-16 2024-01-22 80.00 90.00 - 0.00 -10.00",
        ],
        [],
    ),
    (
        # Bought before, but of its 10 only 4 are held after the sales: 4/10 of 20 = 8 is disallowed.
        # The second sale takes the oldest first: the January lot of 10 and 6 of the second lot, at 8 each.
        # 10: 80 - 100 = -20. 6: 48 - 54 = -6. The 4 left: 36 + 8 = 44; 14 days: January 18 - 14 = January 4.
        # (The loss of 6 is of the same purchase as the 4, which replace nothing for it.)
        "a purchase before counts for what is still held",
        """
        2024-01-10 buy 10 100.00
        2024-01-18 buy 10 90.00
        2024-01-24 sell 16 128.00
        """,
        [
            "I 10 SPY 2024-01-10 2024-01-24 80.00 100.00 W 8.00 -12.00",
            "I 6 SPY 2024-01-18 2024-01-24 48.00 54.00 - 0.00 -6.00",
        ],
        ["4 2024-01-18 2024-01-04 44.00"],
    ),
    (
        # A replacement serves once. Sales at -20 and -30; the 10 bought between them belong to the first.
        # 80 + 20 = 100, sold at 70: -30 again, which the purchase of March 4 takes: 75 + 30 = 105.
        # January 3 to 31: 28 days, so February 5 counts from January 8; to February 26 these are 49 days;
        # March 4 - 49 = January 15.
        "a chain: the replacement is sold at a loss and replaced",
        """
        2024-01-03 buy 10 100.00
        2024-01-31 sell 10 80.00
        2024-02-05 buy 10 80.00
        2024-02-26 sell 10 70.00
        2024-03-04 buy 10 75.00
        2025-01-17 sell 10 110.00
        """,
        [
            "I 10 SPY 2024-01-03 2024-01-31 80.00 100.00 W 20.00 0.00",
            "I 10 SPY 2024-02-05 2024-02-26 70.00 100.00 W 30.00 0.00",
            "II 10 SPY 2024-03-04 2025-01-17 110.00 105.00 - 0.00 5.00",
        ],
        [],
    ),
    (
        # Sales of 5: 40 - 50 = -10 on January 22 and 35 - 50 = -15 on January 23. The 8 bought: 5 for the
        # first (+10), 3 for the second (3/5 of 15 = 9). 8 cost 64: 5 are 40 + 10, 3 are 24 + 9.
        # 19 and 20 days are added: January 29 - 19 = January 10, - 20 = January 9.
        "two losses and a purchase: the earlier sale is served first",
        """
        2024-01-03 buy 10 100.00
        2024-01-22 sell 5 40.00
        2024-01-23 sell 5 35.00
        2024-01-29 buy 8 64.00
        """,
        [
            "I 5 SPY 2024-01-03 2024-01-22 40.00 50.00 W 10.00 0.00",
            "I 5 SPY 2024-01-03 2024-01-23 35.00 50.00 W 9.00 -6.00",
        ],
        ["5 2024-01-29 2024-01-10 50.00", "3 2024-01-29 2024-01-09 33.00"],
    ),
    (
        # The other account of the same taxpayer bought: 80 + 20 = 100 there. 30 days: January 31 - 30.
        "the replacement is in another book of the taxpayer",
        """
        2024-01-10 buy 10 100.00 @one
        2024-01-31 buy 10 80.00 @two
        2024-02-09 sell 10 80.00 @one
        """,
        ["I 10 SPY 2024-01-10 2024-02-09 80.00 100.00 W 20.00 0.00"],
        ["10 2024-01-31 2024-01-01 100.00"],
    ),
    (
        # 2 for 1 after the sale: the 10 sold are 20 of today, so 10 bought back are half: 10 of 20 dollars.
        # 40 + 10 = 50; 30 days: February 20 - 30 = January 21.
        # The 4 held over the split become 8 at the same 44 dollars.
        "a split between the sale and the purchase",
        """
        2024-01-08 buy 4 44.00 @two
        2024-01-10 buy 10 100.00
        2024-02-09 sell 10 80.00
        2024-02-15 split 2
        2024-02-20 buy 10 40.00
        """,
        # The 4 of January 8 were bought 32 days before the sale: outside.
        ["I 10 SPY 2024-01-10 2024-02-09 80.00 100.00 W 10.00 -10.00"],
        ["8 2024-01-08 2024-01-08 44.00", "10 2024-02-20 2024-01-21 50.00"],
    ),
    (
        # 100.00 less 66.67 is 33.33 over 3 units; one of them comes back: 33.33 / 3 = 11.11.
        # The unit that was bought: 16.67 + 11.11 = 27.78. Of the loss 33.33 - 11.11 = 22.22 count.
        "cents that do not divide",
        """
        2024-01-10 buy 3 100.00
        2024-02-09 sell 3 66.67
        2024-02-12 buy 1 16.67
        """,
        ["I 3 SPY 2024-01-10 2024-02-09 66.67 100.00 W 11.11 -22.22"],
        ["1 2024-02-12 2024-01-13 27.78"],
    ),
    (
        # Section 1091 is of stocks and securities; a coin is property.
        "crypto is exempt",
        """
        2024-01-10 buy 1 40000.00 BTC-USD
        2024-02-09 sell 1 30000.00 BTC-USD
        2024-02-12 buy 1 31000.00 BTC-USD
        """,
        ["I 1 BTC-USD 2024-01-10 2024-02-09 30000.00 40000.00 - 0.00 -10000.00"],
        ["1 2024-02-12 2024-02-12 31000.00"],
    ),
    (
        # Another fund is another security.
        "another symbol is no replacement",
        """
        2024-01-10 buy 10 100.00
        2024-02-09 sell 10 80.00
        2024-02-12 buy 10 80.00 QQQ
        """,
        ["I 10 SPY 2024-01-10 2024-02-09 80.00 100.00 - 0.00 -20.00"],
        ["10 2024-02-12 2024-02-12 80.00"],
    ),
]


@pytest.mark.parametrize(
    ("story", "form", "lots"), [one[1:] for one in TABLES], ids=[one[0] for one in TABLES]
)
def test_a_loss_is_disallowed_as_far_as_it_was_replaced(story: str, form: list[str], lots: list[str]) -> None:
    ledger = ledger_of(story)
    assert form_of(ledger) == form
    assert lots_of(ledger) == lots


def test_a_book_can_ask_for_the_rule_on_crypto_too() -> None:
    (story,) = (one[1] for one in TABLES if one[0] == "crypto is exempt")
    ledger = ledger_of(story, wash_sales_of_crypto=True)
    # 31000 + 10000; 30 days before February 12
    assert lots_of(ledger) == ["1 2024-02-12 2024-01-13 41000.00"]


def test_a_split_that_the_book_did_not_live_through_still_restates_its_loss() -> None:
    sold = ledger_of("2024-01-10 buy 10 100.00\n2024-02-09 sell 10 80.00")
    split = market_split("SPY", date(2024, 2, 15), Decimal(2))
    assert sold.disposals[0].open_quantity == 10
    (one,) = sold.apply([split, split]).disposals
    assert (one.open_quantity, one.open_loss) == (20, 20)


@pytest.mark.parametrize(
    ("session", "told"), [("2024-03-08", True), ("2024-03-09", True), ("2024-03-10", False)]
)
def test_a_decision_is_told_of_losses_that_its_purchases_can_meet(session: str, told: bool) -> None:
    # Sold on February 9: the window ends with March 10. What is decided then is bought on the 11th at best.
    ledger = ledger_of("2024-01-10 buy 10 100.00\n2024-02-09 sell 10 80.00")
    view = tax_view(ledger, "one", date.fromisoformat(session), date(2024, 3, 1))
    assert view.losses == ({"SPY": Decimal(20)} if told else {})


def test_a_loss_on_a_short_sale_is_left_as_it_is() -> None:
    ledger = ledger_of("2024-01-10 sell 10 100.00\n2024-02-09 buy 10 130.00\n2024-02-12 sell 10 125.00")
    # sold at 100, closed at 130; both dates are of the closing, and it is short term
    assert form_of(ledger) == ["I 10 SPY short 2024-02-09 2024-02-09 100.00 130.00 - 0.00 -30.00"]
    assert lots_of(ledger) == ["-10 2024-02-12 2024-02-12 -125.00"]


@pytest.mark.parametrize(
    ("held_since", "last_short", "first_long"),
    [
        ("2023-02-05", "2024-02-05", "2024-02-06"),  # Pub. 550: counted from the day after
        ("2023-12-29", "2024-12-29", "2024-12-30"),
        ("2024-02-29", "2025-02-28", "2025-03-01"),  # counted from March 1
        ("2023-02-28", "2024-02-29", "2024-03-01"),  # counted from March 1, though 2024 has a 29th
        ("2024-02-28", "2025-02-28", "2025-03-01"),  # counted from February 29, which 2025 does not have
    ],
)
def test_long_term_is_more_than_one_year(held_since: str, last_short: str, first_long: str) -> None:
    bought = date.fromisoformat(held_since)
    assert not long_term(bought, date.fromisoformat(last_short))
    assert long_term(bought, date.fromisoformat(first_long))


def test_a_year_is_settled_when_no_purchase_can_change_it_any_more() -> None:
    sold = ledger_of("2024-11-01 buy 10 100.00\n2024-12-20 sell 10 80.00")
    # December 20 + 30 is January 19, the last day on which a purchase would count
    assert settled_on(sold.disposals, 2024) == date(2025, 1, 20)
    assert sold.open_losses(date(2025, 1, 19)) == {"SPY": Decimal(20)}
    assert sold.open_losses(date(2025, 1, 20)) == {}
    replaced = ledger_of("2024-11-01 buy 10 100.00\n2024-12-20 sell 10 80.00\n2025-01-02 buy 10 80.00")
    assert settled_on(replaced.disposals, 2024) is None
    assert settled_on(TaxLedger({}).disposals, 2024) is None


def test_a_decision_within_a_session_is_told_of_what_its_own_day_can_meet() -> None:
    ledger = ledger_of("2024-01-10 buy 10 100.00\n2024-02-09 sell 10 80.00\n2024-03-10 buy 3 90.00")
    day = date(2024, 3, 10)
    within, at_close = (tax_view(ledger, "one", day, day, filled=one) for one in (day, None))
    assert (within.opened, at_close.opened) == ({"SPY": Decimal(3)}, {})
    # the window ends with the day itself: its purchases meet the loss, those of the next do not
    assert set(within.losses) == {"SPY"}
    assert at_close.losses == {}
