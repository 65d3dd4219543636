"""The screen and the pairs of a decision are told in sentences: on its page, in its mail and by `status`."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape

import pytest
from tests.cockpit.decided_desk import DECIDED, SMALL, instant, session
from tests.cockpit.own_desk import OwnDesk
from tests.cockpit.screened_rows import plant_check, plant_pair, plant_screens
from tests.conftest import open_connection
from tests.session.small_desk import STRATEGY

from nightdesk.alerts.figures import money
from nightdesk.alerts.session_page import render
from nightdesk.cli.status_commands import _standing
from nightdesk.cli.status_lines import told
from nightdesk.core.book import Book, load_book
from nightdesk.core.screen_weeks import screened_before
from nightdesk.session.entry import looking_at
from nightdesk.session.pair_lines import pair_lines
from nightdesk.session.report import session_report
from nightdesk.session.screen_lines import decision_screen_lines
from nightdesk.store.book_rows import book_record
from nightdesk.store.cockpit_pair_rows import pair_stays

NEWEST = DECIDED - 1
SUNDAY = screened_before(instant(NEWEST))
LATE = datetime(2030, 1, 1, tzinfo=UTC)
DECISIONS = [(instant(n), session(n)) for n in range(DECIDED)]


def screen_told(
    desk: OwnDesk, at: int = NEWEST, known_by: datetime = LATE, leaving: str = ""
) -> tuple[str, ...]:
    with open_connection(desk.desk.url) as conn:
        return decision_screen_lines(conn, SMALL, instant(at), session(at), known_by, leaving.split())


def pairs_told(desk: OwnDesk, at: int) -> tuple[str, ...]:
    with open_connection(desk.desk.url) as conn:
        return pair_lines(conn, SMALL, instant(at))


def test_the_screen_in_force_is_told_as_the_decision_knew_it(own_desk: OwnDesk) -> None:
    assert screen_told(own_desk) == ()
    plant_screens(own_desk.desk.url, SMALL, SUNDAY, weeks=2)
    words = "Screen of 2022-03-06, 3 days old: 2 members of 250 stocks, 166 pass"
    pairs = "1 pair of 1,225 tests, of which 61.2 false ones are to be expected."
    assert screen_told(own_desk) == (f"{words}, {pairs}",)
    # A decision of the week before used the one before; so did one that was made before this one was stored.
    assert screen_told(own_desk, at=1)[0].startswith("Screen of 2022-02-27, 2 days old")
    assert screen_told(own_desk, known_by=SUNDAY)[0].startswith("Screen of 2022-02-27, 10 days old")


def test_what_fails_leaves_or_is_off_is_told_with_its_reason(own_desk: OwnDesk) -> None:
    plant_screens(own_desk.desk.url, SMALL, SUNDAY, weeks=2)
    own_desk.run("DELETE FROM nightdesk.screens WHERE outcome = 'good' AND screened_at = %(at)s", at=SUNDAY)
    many = {f"SYM{n:03d}": f"price {n} is not within 5 to 500 $" for n in range(14)}
    plant_check(own_desk.desk.url, SMALL, session(NEWEST), many)
    first, failed, leaving, off = screen_told(own_desk, leaving="QQQ GLD")
    assert first.startswith("Screen of 2022-02-27, 10 days old")
    assert failed == (
        "The screen of 2022-03-06 failed: no listings: sample. "
        "The one before stays in force until 2022-03-13 at most."
    )
    assert leaving == "Leaving, only reduced: GLD, QQQ."
    assert "SYM000 (price 0 is not within 5 to 500 $), SYM001" in off
    assert off.endswith("and 2 more.")
    assert len(screen_told(own_desk, known_by=SUNDAY + timedelta(minutes=5))) == 2
    own_desk.run("DELETE FROM nightdesk.screens WHERE outcome = 'good'")
    assert screen_told(own_desk) == ("The screen of 2022-03-06 failed: no listings: sample.",)


@pytest.fixture
def paired(own_desk: OwnDesk) -> OwnDesk:
    plant_pair(own_desk.desk.url, SMALL, STRATEGY, ("GLD", "QQQ"), DECISIONS, opened=2, left=NEWEST)
    plant_pair(own_desk.desk.url, SMALL, STRATEGY, ("BTC-USD", "SPY"), DECISIONS, opened=NEWEST, left=None)
    return own_desk


def test_pairs_that_are_entered_left_and_out_are_told_with_the_reason_and_the_profit(paired: OwnDesk) -> None:
    assert pairs_told(paired, 0) == ("Pairs: 0 open, 0 cooling, 2 candidates.",)
    counted, entered = pairs_told(paired, 2)
    assert counted == "Pairs: 1 open, 0 cooling, 1 candidates."
    assert entered.startswith("GLD/QQQ is entered long: z -1.03: GLD is bought and QQQ is sold")
    assert pairs_told(paired, 3) == (counted,)
    assert pairs_told(paired, NEWEST - 1)[1] == "GLD/QQQ is being left: z +1.71, the stop of 3 is reached."
    _, opened, out = pairs_told(paired, NEWEST)
    assert opened.startswith("BTC-USD/SPY is entered long")
    with open_connection(paired.desk.url) as conn:
        [stay] = pair_stays(conn, SMALL, instant(NEWEST), pair=(STRATEGY, "GLD", "QQQ"), rows=9)
    assert stay.profit != Decimal(0)
    assert out == (
        f"GLD/QQQ is out after 4 sessions, {money(stay.profit, signed=True)} with all costs: "
        "left: z +1.71, the stop of 3 is reached."
    )


def test_a_pair_that_is_entered_again_where_it_is_found_flat_is_told_twice(paired: OwnDesk) -> None:
    paired.run(
        "UPDATE nightdesk.pair_states SET state = 'open', side = 'short', sessions = 0, alpha = 0.2, "
        "beta = 0.9, bundle = 3, since = session WHERE a = 'GLD' AND as_of = %(at)s",
        at=instant(NEWEST),
    )
    told_now = pairs_told(paired, NEWEST)
    assert any(one.startswith("GLD/QQQ is entered short") for one in told_now)
    assert any(one.startswith("GLD/QQQ is out after 4 sessions") for one in told_now)


def test_page_and_status_tell_them(paired: OwnDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    plant_screens(paired.desk.url, SMALL, SUNDAY, weeks=1)
    plant_check(paired.desk.url, SMALL, session(DECIDED), {"QQQ": "price 4"})
    paired.run("UPDATE nightdesk.runs SET known_by = greatest(known_by, %(late)s)", late=LATE)
    for name, value in paired.desk.environ.items():
        monkeypatch.setenv(name, value)
    book = load_book(paired.desk.root / "books" / f"{SMALL}.yaml")
    with open_connection(paired.desk.url) as conn:
        record = book_record(conn, SMALL)
        assert record is not None
        context = looking_at(conn, book, record, instant(NEWEST))
        # A page asks for screens only of a book that has one; this one has them laid beside it.
        monkeypatch.setattr(Book, "screen", property(lambda _: True))
        page = unescape(render(session_report(context)))
        lines = "\n".join(told([_standing(conn, SMALL, None)], [], []))
    for words in ("Screen of 2022-03-06, ", "2 members of 250 stocks", "GLD/QQQ is out after 4 sessions"):
        assert words in page
    assert "<h2>Screen of the universe</h2>" in page
    assert "<h2>Pairs</h2>" in page
    assert "  screen of 2022-03-06: 2 members of 250 stocks" in lines
    assert "  off in the newest session, nothing is opened in it: QQQ (price 4)" in lines
    assert "  GLD/QQQ is out after 4 sessions, " in lines
