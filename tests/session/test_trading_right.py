"""Real money: a book sends what its stage lets it, whatever its file says, and can always come out."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from tests.fakes.alpaca import FakeAlpaca
from tests.session.alpaca_desk import ACCOUNT, AlpacaDesk, at_alpaca
from tests.session.promoted import promoted
from tests.session.small_desk import STRATEGY, SmallDesk, session

from nightdesk.alerts.concerns import Gravity
from nightdesk.core.book import load_book
from nightdesk.core.stages import Stage
from nightdesk.operations.book_concerns import concerns_of
from nightdesk.operations.set_level import set_level
from nightdesk.session import reconcile
from nightdesk.session.trading_right import NO_RIGHT
from nightdesk.store.gate_evidence_rows import keep_evidence
from nightdesk.version import code_version

LIVE = {"NIGHTDESK_LIVE": ACCOUNT}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def desk(make_desk: Callable[[], SmallDesk], fake: FakeAlpaca) -> AlpacaDesk:
    """With real money, of which 200,000 dollars may be in positions."""
    return at_alpaca(make_desk(), fake, live=True, capital_limit=200_000)


def decide(desk: AlpacaDesk, number: int) -> None:
    desk.evening(number)
    desk.price_coins(number)
    desk.run(number, environ=desk.environ | LIVE)


def causes(desk: AlpacaDesk, number: int) -> dict[str, str]:
    """Side and symbol of each order of a session that was suppressed, and why."""
    rows = desk.rows(
        "SELECT o.side || ' ' || o.symbol, e.cause FROM nightdesk.orders o "
        "JOIN nightdesk.order_events e USING (client_order_id) "
        "WHERE o.session = %s AND e.status = 'suppressed'",
        session(number),
    )
    return {str(name): str(cause) for name, cause in rows}


def in_positions(desk: AlpacaDesk) -> Decimal:
    """Dollars of the orders that were sent."""
    [(total,)] = desk.rows(
        "SELECT coalesce(sum(quantity * reference_price), 0) FROM nightdesk.orders WHERE attempts > 0"
    )
    return Decimal(str(total))


def test_without_the_right_nothing_that_adds_reaches_a_live_account_and_people_are_told(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    decide(desk, 0)

    assert fake.asked("submit") == []
    said = causes(desk, 0)
    assert said
    assert all(
        one == "no right to trade with real money: nobody has promoted small to real money: "
        "`nightdesk gate small` says what is missing"
        for one in said.values()
    )
    [(level, body)] = desk.rows("SELECT level, body FROM nightdesk.alerts WHERE alert_key LIKE 'unsent %%'")
    assert level == "CRITICAL"
    assert "no right to trade with real money" in str(body)
    [(page,)] = desk.rows("SELECT html FROM nightdesk.reports")
    assert "no right to trade with real money" in str(page)
    with desk.connection() as conn:
        against = concerns_of(conn, "small", None)
    assert any(one.state is Gravity.REDUCES and one.words.startswith(NO_RIGHT) for one in against)


def test_paper_is_no_right_to_real_money(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    promoted(desk, Stage.PAPER)
    decide(desk, 0)

    assert fake.asked("submit") == []
    assert all("is at stage paper" in one for one in causes(desk, 0).values())


def test_a_stage_lets_its_share_of_the_limit_be_in_positions_and_no_more(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    promoted(desk, Stage.SMALL)
    decide(desk, 0)

    assert fake.asked("submit")
    assert 0 < in_positions(desk) <= 20_000
    assert causes(desk, 0)
    assert all("limited to 20000.00, 10% of 200000 at stage small" in one for one in causes(desk, 0).values())


def test_the_whole_limit_counts_at_the_last_stage(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    promoted(desk, Stage.FULL)
    decide(desk, 0)

    assert causes(desk, 0) == {}
    assert 20_000 < in_positions(desk) <= 200_000
    with desk.connection() as conn:
        assert not any(NO_RIGHT in one.words for one in concerns_of(conn, "small", None))


@pytest.mark.parametrize("lost", ["demoted", "rules changed"])
def test_who_has_lost_the_right_can_sell_and_not_buy(desk: AlpacaDesk, fake: FakeAlpaca, lost: str) -> None:
    promoted(desk, Stage.FULL)
    decide(desk, 0)
    bought = len(fake.orders)
    desk.live_through(1)
    if lost == "demoted":
        promoted(desk, Stage.PAPER)
    else:
        change_rules(desk)
    with desk.connection() as conn:
        set_level(conn, load_book(desk.book), 4, reason="a drill", who="ann", wait_seconds=0.0)
    decide(desk, 1)

    later = fake.orders[bought:]
    assert later
    assert {one["side"] for one in later} == {"sell"}
    assert causes(desk, 1) == {}


def test_other_rules_than_those_promoted_open_nothing_until_they_are_promoted(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    promoted(desk, Stage.FULL)
    change_rules(desk)
    decide(desk, 0)

    assert fake.asked("submit") == []
    assert all(
        "the rules of small are not those that were promoted to full by ann" in one
        for one in causes(desk, 0).values()
    )


def test_newer_code_opens_nothing_until_its_tests_are_known_to_be_green(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    promoted(desk, Stage.FULL, code="0.0.9+0123456789ab")
    decide(desk, 0)
    assert fake.asked("submit") == []
    assert all("no green tests of code" in one for one in causes(desk, 0).values())

    with desk.connection() as conn:
        keep_evidence(conn, "", "code", "", code_version(), {"green": True})
    desk.live_through(1)
    decide(desk, 1)
    assert fake.asked("submit")

    with desk.connection() as conn:
        keep_evidence(conn, "", "code", "", code_version(), {"green": False})
    before = len(fake.orders)
    desk.live_through(2)
    decide(desk, 2)
    assert all(one["side"] == "sell" for one in fake.orders[before:])


def change_rules(desk: AlpacaDesk) -> None:
    tree = yaml.safe_load(Path(desk.book).read_text())
    tree["strategies"][STRATEGY]["params"]["buy_above"] = 0.001
    Path(desk.book).write_text(yaml.safe_dump(tree, sort_keys=False))
