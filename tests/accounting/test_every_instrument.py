"""Whatever happens to a book of every kind of instrument: what must be true of its ledger, NAV and lots."""

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.accounting.scenes import CONTRACTS, PERPETUAL, Scene, SceneNight, scenes

from nightdesk.accounting.ledger import Entry, Ledger, fold
from nightdesk.accounting.tax import TaxLedger, TaxTerms, trades_of
from nightdesk.core.contracts import PLAIN
from nightdesk.core.money import exact, to_cents

ORDINARY = settings(
    max_examples=500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
MANY = settings(max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))


def check(scene: Scene, shuffle: st.DataObject) -> None:
    """Everything that must hold of a scene."""
    nav_is_cash_and_worth(scene)
    entries_are_facts_of_their_own(scene)
    lots_are_what_is_held(scene)
    for night, done in zip(scene.nights, scene.settled, strict=True):
        again = night.settle()
        assert (again.entries, again.ledger, again.mark) == (done.entries, done.ledger, done.mark)
        the_account_agrees(night, done.ledger)
    night = scene.nights[-1]
    the_order_of_facts_makes_no_difference(night, scene.settled[-1].entries, shuffle)


def nav_is_cash_and_worth(scene: Scene) -> None:
    """As if every trade had been paid in full: a perpetual too, so that its profit is in the cash."""
    entries: list[Entry] = []
    for done in scene.settled:
        entries += done.entries
        paid = sum((one.in_full if one.symbol == PERPETUAL else one.cash for one in entries), Decimal(0))
        units: Counter[tuple[str, str]] = Counter()
        for one in entries:
            if one.symbol:
                units[one.strategy, one.symbol] += one.quantity  # type: ignore[assignment]
        worth = sum(
            (
                to_cents(
                    quantity * exact(done.period.prices[symbol]) * CONTRACTS.get(symbol, PLAIN).multiplier
                )
                for (_, symbol), quantity in units.items()
            ),
            Decimal(0),
        )
        assert done.mark.nav == paid + worth
        assert done.mark.nav == done.mark.cash + done.mark.positions_value


def entries_are_facts_of_their_own(scene: Scene) -> None:
    entries = scene.entries
    assert len({one.key for one in entries}) == len(entries)
    assert fold(entries) == scene.settled[-1].ledger
    with pytest.raises(ValueError, match="is not booked again"):
        SceneNight(scene.settled[-1].closing, (), scene.nights[-1].period).settle()


def lots_are_what_is_held(scene: Scene) -> None:
    trades = trades_of("scene", scene.entries)
    # without wash sales no loss is carried into another lot, and all adds up
    terms = TaxTerms("Ann", crypto=frozenset(one.symbol for one in trades) | frozenset(CONTRACTS))
    taxes = TaxLedger({"scene": terms}).apply(trades)
    units: Counter[str] = Counter()
    for lot in taxes.open_lots:
        units[lot.symbol] += lot.quantity  # type: ignore[assignment]
    held = scene.settled[-1].ledger.net()
    assert {symbol: quantity for symbol, quantity in units.items() if quantity} == held
    gains = sum((one.proceeds - one.basis for one in taxes.disposals), Decimal(0))
    basis = sum((lot.basis for lot in taxes.open_lots), Decimal(0))
    assert gains - basis == sum((one.cash for one in trades), Decimal(0))


def the_account_agrees(night: SceneNight, ledger: Ledger) -> None:
    account = night.of_account.ledger
    assert (account.cash, account.net()) == (ledger.cash, ledger.net())


def the_order_of_facts_makes_no_difference(
    night: SceneNight, entries: tuple[Entry, ...], shuffle: st.DataObject
) -> None:
    from dataclasses import replace

    period = night.period
    mixed = replace(
        period,
        notices=tuple(shuffle.draw(st.permutations(period.notices))),
        funding_rates=tuple(shuffle.draw(st.permutations(period.funding_rates))),
    )
    orders = tuple(shuffle.draw(st.permutations(night.orders)))
    done = night.settle(mixed, orders)
    assert sorted(map(repr, done.entries)) == sorted(map(repr, entries))


def test_scenes_hold_all_that_may_happen() -> None:
    """A scene that nothing happens in proves nothing."""
    wanted = {
        "fill", "dividend", "split", "exchange", "expiry", "exercise", "assignment", "funding", "borrow",
        "interest", "adjustment",
    }  # fmt: skip
    seen: set[str] = set()

    @settings(ORDINARY, max_examples=100)
    @given(scene=scenes())
    def look(scene: Scene) -> None:
        kinds = {one.kind for one in scene.entries}
        ends = {one.kind for one in scene.entries if one.reference.startswith("early-")}
        late = {"late" for one in scene.entries if one.reference.endswith("-late")}
        cut = {"cut" for done in scene.settled for one in done.expired if "closed that much" in one.reason}
        part = {"part" for done in scene.settled for one in done.expired if "volume" in one.reason}
        seen.update(kinds | {f"early {one}" for one in ends} | late | cut | part)

    look()
    more = {"early exercise", "early assignment", "late", "cut", "part"}
    assert seen >= wanted | more, wanted | more - seen


@given(scene=scenes(), shuffle=st.data())
@ORDINARY
def test_whatever_happens_the_books_add_up(scene: Scene, shuffle: st.DataObject) -> None:
    check(scene, shuffle)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@given(scene=scenes(most=9), shuffle=st.data())
@MANY
def test_whatever_happens_the_books_add_up_for_long(scene: Scene, shuffle: st.DataObject) -> None:
    check(scene, shuffle)
