"""What holds of every decision, whatever the book, the day, the state and the wishes."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray
from tests.engine.random_books import Scene, scenes

from nightdesk.accounting import cross_entries, fill_entries, mark
from nightdesk.accounting.ledger import value
from nightdesk.core.fields import Frozen
from nightdesk.core.money import exact
from nightdesk.core.panel import Floats
from nightdesk.engine import Gated, gate, plan, plan_crosses
from nightdesk.engine.decision import situation
from nightdesk.engine.exits import Cause
from nightdesk.engine.inputs import Flags
from nightdesk.engine.judging import without_hidden_entries
from nightdesk.orders import FillBars, Order, open_session
from nightdesk.risk import Situation, pass_gate, without_entries
from nightdesk.risk.rule import rule_class
from nightdesk.risk.rules.law import DAY_TRADE_RULE_ENDS

#: What weighs more than a limit by less than this does so by the error of a float.
HAIR = 1e-8


class Outcome:
    """A scene, decided; arrays of shape (n_symbols,) are net over the strategies."""

    def __init__(self, scene: Scene, gated: Gated | None = None) -> None:
        self.desk, self.day = scene.desk, scene.day
        self.gated: Gated = gated or gate(scene.desk, scene.state, scene.day, scene.wanted)
        now = situation(scene.desk, scene.state, scene.day, scene.wanted, self.gated.judged)
        asked, self.hidden = without_hidden_entries(scene.desk, scene.wanted, now)
        self.scene = replace(scene, wanted=asked)
        passage = self.gated.passage
        self.held, self.wanted, self.left = passage.held, passage.wanted, passage.quantity
        self.rules: dict[str, Frozen] = {rule.name: rule.params for rule in scene.desk.rules}
        self.nav = float(scene.state.mark.nav)
        self.price = np.where(np.isfinite(scene.day.price), scene.day.price, 0.0)
        self.weight = np.abs(self.left) * self.price / self.nav
        self.traded = np.abs(self.left - self.held) * self.price / self.nav
        self.risk = self.gated.judged.risk
        self.cap = np.minimum(self._caps(self.risk.level_caps), self._caps(self.risk.stop_caps))

    @property
    def situation(self) -> Situation:
        scene = self.scene
        return situation(scene.desk, scene.state, scene.day, scene.wanted, self.gated.judged)

    @property
    def added(self) -> Floats:
        """Signed units that positions grew by, or that were opened."""
        return self.left - without_entries(self.left, self.held)

    @property
    def bought(self) -> Flags:
        return self.added != 0.0

    @property
    def grown(self) -> Flags:
        """Where a strategy's own position grew or turned round, beyond a unit that sharing gave it."""
        held, left = self.scene.wanted.held, self.gated.quantity
        units = np.array([float(one) for one in self.desk.unit_of.values()])
        return np.abs(left - without_entries(left, held)) > units * (1 + HAIR)

    @property
    def exempt(self) -> Flags:
        """Where a level or a stop sells, also a strategy's own, or a book that is above its leverage."""
        reduces = (np.abs(self.left) < np.abs(self.held)) & ~self.bought
        cut = (np.abs(self.held) > self.cap) & ~self.bought
        return cut | (reduces & (self.stopped | self.brought_back))

    @property
    def stopped(self) -> Flags:
        """Where a strategy's own stop was reached."""
        reached: Flags = (self.scene.wanted.cause == Cause.STOP).any(axis=0) & self.desk.ends_positions
        return reached

    @property
    def brought_back(self) -> bool:
        """Whether what is held is above its leverage or its margin, in a book that sells it then."""
        tolerance, buffer = self.number("leverage_reduction", "tolerance"), self.number(*BUFFER)
        gross, net = exposures(self, self.held)
        over = tolerance is not None and (
            gross > self.desk.most_gross * (1 + tolerance) + 1e-9
            or abs(net) > self.desk.most_net * (1 + tolerance) + 1e-9
        )
        return over or (buffer is not None and maintenance(self, self.held) > 1 - buffer + 1e-9)

    @property
    def held_back(self) -> Flags:
        """Where a rule of trades kept more than what the rules before it left."""
        out = np.zeros(len(self.held), dtype=bool)
        for record in self.gated.passage.records:
            if rule_class(record.rule).subject == "trades":
                out |= np.abs(record.after) > np.abs(record.before)
        return out

    def number(self, rule: str, name: str = "limit") -> float | None:
        """A number of a rule of the book; None where the book has no such rule."""
        return float(getattr(self.rules[rule], name)) if rule in self.rules else None

    def named(self, symbols: object) -> Flags:
        return np.array([one in symbols for one in self.desk.symbols])  # type: ignore[operator]

    def _caps(self, caps: object) -> Floats:
        return np.array([dict(caps).get(one, np.inf) for one in self.desk.symbols])  # type: ignore[call-overload]


#: The number of the rule on maintenance margin.
BUFFER = ("maintenance_margin", "buffer")


def exposures(out: Outcome, quantity: Floats) -> tuple[float, float]:
    """Gross and net over NAV, by hand."""
    worth = quantity * out.price / out.nav
    return float(np.abs(worth).sum()), float(worth.sum())


def maintenance(out: Outcome, quantity: Floats) -> float:
    """Maintenance margin over NAV, by hand."""
    worth, margin = quantity * out.price / out.nav, out.desk.book.margin
    longs, shorts = float(worth[worth > 0].sum()), float(-worth[worth < 0].sum())
    return longs * margin.maintenance + shorts * margin.maintenance_short


def no_limit_is_exceeded(out: Outcome) -> None:
    """Beyond its limit stands only what was so before and was not bought, as each rule says of itself."""
    nothing_opens(out)
    entries_of_levels(out)
    cuts_are_done(out)
    caps_of_positions(out)
    exposure(out)
    trades(out)
    law(out)


def nothing_opens(out: Outcome) -> None:
    """While something is wrong, or in a symbol that it is wrong with."""
    state, day, bought = out.scene.state, out.day, out.bought
    breaker, each = out.number("daily_loss"), out.desk.book.portfolio.entries == "each"
    closed = day.band < 0 or not out.desk.book.regime[day.band].entries
    if closed or state.facts.kill_switch or not day.entries_allowed:
        assert not bought.any()
        assert not (out.grown.any() and (each or state.facts.kill_switch))
    if breaker is not None and state.mark.day_return < breaker:
        assert not bought.any()
        assert not out.grown.any()
    for period in ("week", "month"):
        if "period_loss" in out.rules and getattr(out.rules["period_loss"], period) is not None:
            lost = getattr(state.periods, period) < out.number("period_loss", period)
            assert not (lost and (bought.any() or out.grown.any()))
    if "max_drawdown" in out.rules and out.risk.level:
        assert not bought.any()
    assert not (bought & (day.quarantined | (day.age != 0))).any()


def entries_of_levels(out: Outcome) -> None:
    """What a level lets in, and how far positions grow in recovery."""
    levels, bought = out.desk.book.levels, out.bought
    if levels is None:
        return
    if out.risk.level in (2, 4):
        assert not bought.any()
    if out.risk.level == 3:
        assert not (bought & ~out.named(levels.havens)).any()
    if out.risk.level == 1:
        wanted = out.scene.wanted
        adds = np.abs(wanted.quantity - without_entries(wanted.quantity, wanted.held))
        sure = np.where(wanted.confidence >= levels.min_confidence, adds, 0.0).sum(axis=0)
        assert (np.abs(out.added) <= sure + HAIR).all()
        assert not (bought & out.named(levels.first_out)).any()
    if out.risk.recovery is not None:
        part = min(1.0, levels.ramp_step * (1 + out.risk.recovery // levels.ramp_sessions))
        assert (np.abs(out.left)[bought] <= part * np.abs(out.wanted)[bought] + HAIR).all()
        if bought.any():
            assert out.weight.sum() <= levels.recovery_leverage + HAIR


def cuts_are_done(out: Outcome) -> None:
    """Nothing holds back what a level or a stop sells, and it leaves no unit too many."""
    assert (np.abs(out.left) <= out.cap * (1 + 1e-9)).all()


def caps_of_positions(out: Outcome) -> None:
    """Above a cap stands what was held: under a cut that goes first, or where a sale was held back.

    Where the book lets positions drift, also what was held, up to so much above its cap; nothing was added.
    """
    kept = ~out.bought & (out.exempt | out.held_back)
    drift = out.number("max_weight", "drift")
    if drift is not None:
        cap = out.desk.max_weight
        drifted = ~out.bought & (out.weight <= np.where(cap > 0.0, cap + drift, 0.0) + HAIR)
        assert ((out.weight <= cap + HAIR) | drifted | kept).all()
    limit, share = out.number("correlation"), out.number("correlation", "joint_cap")
    if limit is not None and share is not None:
        matrix = out.gated.judged.correlations.matrix
        most = out.desk.max_weight
        for i, j in np.argwhere(np.triu(np.nan_to_num(matrix) > limit, 1)).tolist():
            if (
                out.weight[i]
                and out.weight[j]
                and out.weight[i] + out.weight[j] > share * (most[i] + most[j]) + HAIR
            ):
                assert not out.bought[i]
                assert not out.bought[j]
                assert out.held_back[i] or out.held_back[j]
    if "position_count" in out.rules:
        count_of_positions(out)
    if "group_count" in out.rules:
        count_of_groups(out)
    share = out.number("liquidity")
    if share is not None:
        volume = np.nan_to_num(out.day.factors["adv_20"], nan=0.0)
        assert (np.abs(out.left)[out.bought] <= share * volume[out.bought] + HAIR).all()


def places(out: Outcome) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Flags]:
    """Positions that are wanted anew, those that stay, and symbols in which something was opened.

    A position stays that is wanted on, or whose exit a rule on trades has held back.
    """
    wanted = out.scene.wanted
    opens = (wanted.held == 0) & (wanted.quantity != 0)
    stays = (wanted.held != 0) & ((wanted.quantity != 0) | (exits_held_back(out) & (wanted.quantity == 0)))
    return opens, stays, opens.any(axis=0) & out.bought


def exits_held_back(out: Outcome) -> Flags:
    """Symbols of which less was sold, or bought back, than was wanted."""
    reduces = without_entries(out.wanted, out.held) == out.wanted
    return reduces & (np.abs(out.left) > np.abs(out.wanted))


def count_of_groups(out: Outcome) -> None:
    """In a group in which something was opened there are no more positions than the limit."""
    opens, stays, opened = places(out)
    for group in {one for one, new in zip(out.desk.book.groups, opened, strict=True) if new}:
        here = np.array([one == group for one in out.desk.book.groups])
        assert stays[:, here].sum() + opens[:, here & opened].sum() <= (out.number("group_count") or 0)


def count_of_positions(out: Outcome) -> None:
    """Where something was opened there are no more positions than the limit, exits held back among them."""
    rule = out.rules["position_count"]
    opens, stays, opened = places(out)
    if opened.any():
        assert stays.sum() + opens[:, opened].sum() <= rule.limit  # type: ignore[attr-defined]
        assert ((stays | opens)[:, opened].sum(axis=0) <= rule.per_symbol).all()  # type: ignore[attr-defined]


def exposure(out: Outcome) -> None:
    """Nothing is bought beyond gross, net, heat and cash; what is held is not sold for them."""
    what_is_held(out)
    if not out.bought.any():
        return
    gross, net = exposures(out, out.left)
    most_net, heat_of_stops = out.number("net_leverage"), out.number("stop_heat")
    if most_net is not None and (out.added * net > 0).any():
        assert abs(net) <= most_net + HAIR
    stops = out.gated.protection
    if "stop_required" in out.rules:
        assert stops is not None
        assert not (stops.bare_entry & out.bought).any()
    if heat_of_stops is not None:
        assert stops is not None
        kept = np.abs(without_entries(out.left, out.held)) * stops.held_risk
        risked = kept + np.abs(out.added) * stops.added_risk
        assert risked.sum() <= heat_of_stops * out.nav * (1 + HAIR) or not stops.added_risk[out.bought].any()
    leverage, buffer = out.number("gross_leverage"), out.number("cash_buffer")
    if leverage is not None:
        assert gross <= (leverage if borrows(out, "gross_leverage") else min(1.0, leverage)) + HAIR
    if buffer is not None:
        initial = out.desk.book.margin.initial if borrows(out, "cash_buffer") else 1.0
        assert gross <= (1.0 - buffer) / initial + HAIR
    heat = out.desk.book.regime[out.day.band].heat
    if "heat" in out.rules and heat is not None:
        assert gross <= heat + HAIR
    reserve = out.number("cash", "reserve")
    if reserve is not None:
        costs, left = out.desk.costs, np.clip(without_entries(out.left, out.held), 0.0, None)
        sold = ((np.clip(out.held, 0.0, None) - left) * out.price * (1.0 - costs)).sum()
        spent = (np.abs(out.added) * out.price * (1.0 + costs)).sum()
        assert spent <= float(out.scene.state.mark.cash) + sold - reserve * out.nav + HAIR * out.nav


def what_is_held(out: Outcome) -> None:
    """A book that is brought back is within its leverage and its margin, whatever else holds trades back."""
    gross, net = exposures(out, out.left)
    buffer = out.number(*BUFFER)
    if buffer is not None:
        assert maintenance(out, out.left) <= 1 - buffer + HAIR
    if "leverage_reduction" not in out.rules:
        return
    tolerance = 1 + (out.number("leverage_reduction", "tolerance") or 0.0)
    most_gross, most_net = out.desk.most_gross, out.desk.most_net

    def above(exposure: tuple[float, float]) -> bool:
        return exposure[0] > most_gross * tolerance + HAIR or abs(exposure[1]) > most_net * tolerance + HAIR

    if above(exposures(out, out.held)):
        assert gross <= most_gross + HAIR
        assert abs(net) <= most_net + HAIR
    assert gross <= most_gross * tolerance + HAIR
    if above((gross, net)):  # a hedge was closed: the next session brings the other side back
        again = pass_gate(out.desk.rules, out.left, out.left, out.situation).quantity
        gross, net = exposures(out, again)
        assert gross <= most_gross + HAIR
        assert abs(net) <= most_net + HAIR


def borrows(out: Outcome, rule: str) -> bool:
    """Whether the rule counts on borrowed money."""
    return out.desk.book.margin.borrows and out.rules[rule].margin is not False  # type: ignore[attr-defined]


def trades(out: Outcome) -> None:
    """Counted are trades that are not exempt; small ones only close, or end a strategy's position."""
    size = np.where(out.exempt, 0.0, out.traded)
    count, turnover = out.number("trades_per_day"), out.number("turnover_per_day")
    if count is not None:
        assert np.count_nonzero(size) <= count
    if turnover is not None:
        assert size.sum() <= turnover + HAIR
    resized = (size > 0.0) & (out.left != 0.0) & (np.asarray(out.situation.entering.ends) == 0)
    smallest, threshold = out.number("smallest_trade"), out.number("rebalance_threshold")
    if smallest is not None:
        assert (size[resized] * out.nav >= smallest - HAIR * out.nav).all()
    if threshold is not None:
        assert (size[resized] >= threshold - HAIR).all()


def law(out: Outcome) -> None:
    """No refused wash sale, and no day trade too many."""
    tax, symbols = out.scene.state.tax, out.desk.symbols
    if "wash_sale" in out.rules and out.rules["wash_sale"].purchases == "refuse":  # type: ignore[attr-defined]
        lost = out.named(tax.losses)
        assert not (lost & (out.left > out.held) & (out.left > 0.0)).any()
    equity = out.number("pattern_day_trader", "equity")
    if equity is not None and out.nav < equity:
        assert out.day.session < DAY_TRADE_RULE_ENDS
        opened = np.array([float(tax.opened.get(one, 0)) for one in symbols])
        closes = ((out.left - out.held) * opened < 0.0) & ~out.exempt
        room = max(0.0, (out.number("pattern_day_trader") or 0.0) - tax.day_trades)
        assert np.count_nonzero(closes) <= room


def the_gate_never_adds_risk(out: Outcome) -> None:
    """No position is larger than the larger of what was held and wanted, none is opened or turned unasked."""
    held, wanted, left = out.held, out.wanted, out.left
    assert np.isfinite(left).all()
    assert (left <= np.maximum(np.maximum(wanted, held), 0.0)).all()
    assert (left >= np.minimum(np.minimum(wanted, held), 0.0)).all()
    asked = wanted - without_entries(wanted, held)
    assert (np.abs(out.added) <= np.abs(asked)).all()
    assert (out.added * asked >= 0.0).all()
    np.testing.assert_array_equal(out.desk.units.toward_zero(left), left)


def gating_what_was_gated_changes_nothing(out: Outcome) -> None:
    again = pass_gate(out.desk.rules, out.left, out.held, out.situation)
    np.testing.assert_array_equal(again.quantity, out.left)


def what_is_seen_to_pass_is_left_alone_by_its_rule(out: Outcome) -> None:
    """Numbers that nobody read are those of a rule that changes and exempts nothing."""
    for record in out.gated.passage.records:
        if record.ruling is None:
            ruling = out.gated.passage.ruling(record)
            np.testing.assert_array_equal(ruling.after, record.before, record.rule)
            assert ruling.exempt is None or not ruling.exempt.any(), record.rule


def no_rule_meant_for_entries_blocks_a_reduction(out: Outcome) -> None:
    """Neither the rule, asked of anything, nor the gate without rules of trades."""
    for record in out.gated.passage.records[len(out.hidden) :]:
        if rule_class(record.rule).subject == "trades":
            continue
        kept = without_entries(record.before, out.held)
        assert (np.abs(record.after) <= np.abs(record.before)).all(), record.rule
        if rule_class(record.rule).subject == "entries":
            np.testing.assert_array_equal(without_entries(record.after, out.held), kept, record.rule)
    reduces = without_entries(out.wanted, out.held) == out.wanted
    assert (np.abs(out.left)[reduces & ~out.held_back] <= np.abs(out.wanted)[reduces & ~out.held_back]).all()
    free = [rule for rule in out.desk.rules if rule.subject != "trades"]
    left = pass_gate(free, out.wanted, out.held, out.situation).quantity
    assert (np.abs(left)[reduces] <= np.abs(out.wanted)[reduces]).all()


def orders_lead_from_what_is_held_to_what_was_let_through(out: Outcome) -> None:
    """Exactly, for the book and for each strategy, in whole units."""
    scene, desk = out.scene, out.desk
    quantity = out.gated.quantity
    assert np.isfinite(quantity).all()
    orders = plan(desk, scene.state, scene.day, quantity)
    crosses = plan_crosses(desk, scene.state, scene.day, quantity)
    held = scene.state.ledger.positions
    for n, symbol in enumerate(desk.symbols):
        unit = desk.unit_of[symbol]
        of_symbol = [one for one in orders if one.symbol == symbol]
        assert len(of_symbol) <= 1
        before = scene.state.ledger.net().get(symbol, Decimal(0))
        change = sum((one.signed_quantity for one in of_symbol), Decimal(0))
        assert before + change == exact(out.left[n]).quantize(unit)
        assert change % unit == 0
        assert all(one.quantity > 0 for one in of_symbol)
        moved = [
            intent for one in (*of_symbol, *crosses) for intent in one.intents if intent.symbol == symbol
        ]
        for s, strategy in enumerate(desk.strategies):
            own = sum((one.quantity for one in moved if one.strategy == strategy), Decimal(0))
            had = held[strategy, symbol].quantity if (strategy, symbol) in held else Decimal(0)
            assert had + own == exact(quantity[s, n]).quantize(unit)
            assert exact(quantity[s, n]) % unit == 0
        assert sum((exact(one) for one in quantity[:, n]), Decimal(0)) == exact(out.left[n]).quantize(unit)


def no_strategy_is_given_what_it_did_not_want(out: Outcome) -> None:
    """A share lies between nothing and the larger of what its strategy held and wanted, to a unit."""
    wanted, quantity = out.scene.wanted, out.gated.quantity
    unit = np.array([float(out.desk.unit_of[one]) for one in out.desk.symbols]) * (1 + 1e-9)
    most = np.maximum(np.maximum(wanted.quantity, wanted.held), 0.0)
    least = np.minimum(np.minimum(wanted.quantity, wanted.held), 0.0)
    assert (quantity <= most + unit).all()
    assert (quantity >= least - unit).all()
    assert (quantity[:, (least == 0.0).all(axis=0)] >= 0.0).all()


def nav_is_cash_and_positions(out: Outcome) -> None:
    """Before and after the orders are filled, and all that is lost between is what the trades cost."""
    scene, desk = out.scene, out.desk
    before = scene.state.mark
    assert before.nav == before.cash + before.positions_value
    orders = plan(desk, scene.state, scene.day, out.gated.quantity)
    prices = dict(zip(desk.symbols, scene.day.price.tolist(), strict=True))
    bars = FillBars(scene.day.session, prices, dict.fromkeys(prices, 1e15), prices, prices)
    fills, expired = open_session(orders, bars, desk.fill_terms)
    assert not expired
    ledger = scene.state.ledger.apply(
        cross_entries(plan_crosses(desk, scene.state, scene.day, out.gated.quantity), scene.day.session)
    )
    by_id: dict[str, Order] = {one.client_order_id: one for one in orders}
    paid = Decimal(0)
    for fill in fills:
        order = by_id[fill.client_order_id]
        ledger = ledger.apply(fill_entries(order, (fill,), desk.unit_of[fill.symbol]))
        assert fill.reference_price is not None
        paid += fill.commission + (fill.price - fill.reference_price) * fill.signed_quantity
    after = mark(ledger, scene.day.session, prices, before)
    assert after.nav == after.cash + after.positions_value
    assert after.positions_value == sum((value(one, prices[one.symbol]) for one in ledger.held()), Decimal(0))
    assert abs(before.nav - paid - after.nav) <= Decimal("0.02") * (1 + 8 * len(desk.strategies))
    for n, symbol in enumerate(desk.symbols):
        assert ledger.net().get(symbol, Decimal(0)) == exact(out.left[n])


PROPERTIES: tuple[Callable[[Outcome], None], ...] = (
    no_limit_is_exceeded,
    the_gate_never_adds_risk,
    gating_what_was_gated_changes_nothing,
    what_is_seen_to_pass_is_left_alone_by_its_rule,
    no_rule_meant_for_entries_blocks_a_reduction,
    orders_lead_from_what_is_held_to_what_was_let_through,
    no_strategy_is_given_what_it_did_not_want,
    nav_is_cash_and_positions,
)


def all_hold(scene: Scene) -> None:
    out = Outcome(scene)
    for holds in PROPERTIES:
        holds(out)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(scenes())
def test_every_property_holds_whatever_the_book_and_the_day(scene: Scene) -> None:
    all_hold(scene)


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=5_000, deadline=None)
@given(scenes())
def test_every_property_holds_in_five_thousand_scenes(scene: Scene) -> None:
    all_hold(scene)
