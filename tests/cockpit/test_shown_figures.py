"""What strategies and their sizing show of a symbol stands on its pages, and on those of its decisions."""

import json
from html import unescape
from re import sub

from tests.cockpit.decided_desk import DECIDED, SMALL, TWOFOLD, session
from tests.cockpit.own_desk import OwnDesk

from nightdesk.alerts.figures import quantity

SAID = {"score_<b>": 0.31234, "trend": "BULLISH", "hourly": None}
SIZED = {"adv": 1234567.0, "in_dead_band": 1.0, "wanted_units": -250.5}


def show(desk: OwnDesk, symbol: str = "GLD") -> None:
    """Let the strategy of `small` have shown figures of a symbol in all its decisions."""
    for table, figures in (("signals", SAID), ("targets", SIZED)):
        desk.run(
            f"UPDATE nightdesk.{table} SET figures = %(figures)s "
            "WHERE book = %(book)s AND symbol = %(symbol)s",
            figures=json.dumps(figures),
            book=SMALL,
            symbol=symbol,
        )


def words(page: str) -> str:
    return " ".join(unescape(sub(r"<[^>]*>", " ", page)).split())


def test_the_decision_has_a_table_of_signals_and_one_of_sizing(own_desk: OwnDesk) -> None:
    before = own_desk.page(f"/books/{SMALL}/decision")
    assert "Figures of" not in before
    assert "Sizing of" not in before
    show(own_desk)
    page = own_desk.page(f"/books/{SMALL}/decision", as_of=session(2))
    (held, wanted, allowed) = own_desk.run(
        "SELECT t.held, t.quantity, g.quantity FROM nightdesk.targets t "
        "LEFT JOIN nightdesk.gated g USING (book, as_of, strategy, symbol) "
        "WHERE t.book = %(book)s AND t.session = %(session)s AND t.symbol = 'GLD'",
        book=SMALL,
        session=session(2),
    )[0]
    said = words(page)
    assert "Symbol Hourly Score <b> Trend Confidence GLD missing 0.3123 BULLISH" in said
    assert f"GLD 1,234,567 yes −250.5 {quantity(held)} {quantity(wanted)} {quantity(allowed)}" in said
    assert "score_<b>" not in page
    assert "Score <b>" not in page


def test_the_trace_has_them_beneath_their_signal_and_target(own_desk: OwnDesk) -> None:
    show(own_desk)
    said = words(own_desk.page(f"/books/{SMALL}/trace/GLD", as_of=session(2)))
    signals, targets = said.index("Score <b> 0.3123"), said.index("ADV 1,234,567 In dead band yes")
    assert (
        said.index("Signals") < signals < said.index("Targets") < targets < said.index("Dropped by filters")
    )
    assert "after the gate" in said[said.index("Targets") : targets]
    assert "ADV" not in words(own_desk.page(f"/books/{SMALL}/trace/SPY", as_of=session(2)))


def test_the_symbol_has_those_of_the_newest_decision_of_each_book(own_desk: OwnDesk) -> None:
    assert "Figures" not in words(own_desk.page("/symbols/GLD"))
    show(own_desk)
    page = own_desk.page("/symbols/GLD")
    assert f" in {SMALL} As of the decision of" in words(page)
    assert f" in {TWOFOLD} As of" not in words(page)
    assert f"as_of={session(DECIDED - 1)}" in page
    assert "Score <b> 0.3123 Trend BULLISH ADV 1,234,567 In dead band yes" in words(page)
    assert "Figures" not in words(own_desk.page("/symbols/GLD", book=TWOFOLD))
