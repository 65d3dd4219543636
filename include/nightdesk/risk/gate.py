"""The gate: every rule in its written order, on what those before it left, until nothing changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats
from nightdesk.risk.rule import Rule, Ruling, reason_in_words, rule_class, rule_shown
from nightdesk.risk.situation import Asked, Flags, Situation, anywhere, without_entries

Action = Literal["approve", "cut", "reject"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's word on one symbol.

    Attributes
    ----------
    step : int
        Place in the sequence of the gate's work, unique with `symbol` within a decision.
    rule, symbol : str
        Which rule, on which symbol.
    action : str
        "approve": the trade passed as it was; "cut": the trade, or the position, was made smaller; "reject":
        nothing of the trade was left.
    value, limit : float
        What the rule measured and what it compares with, in the rule's own unit; NaN where there is none.
    held, before, after : float
        Net quantity of the book now, wanted when the rule was asked, and left by it, in units.
    """

    step: int
    rule: str
    symbol: str
    action: Action
    value: float
    limit: float
    held: float
    before: float
    after: float


#: Rules from here on (liquidity, counts, heat, exposure, trades) do not hold back an exempt reduction.
EXEMPT_FROM = 50

#: Two or three rounds are usual. From here on, what a rule of positions still cuts of an addition goes whole,
#: and what it sells it sells at once, as beside sales that do not come about: beside one that a rule of
#: trades holds back, shares of a pair would get smaller for hundreds of rounds.
WHOLE_FROM = 20

#: So often a rule is asked what it sells beside sales that do not come about; then it sells all of it.
MOST_TRIES = 1_000

#: So many mean that something is wrong.
MOST_ROUNDS = 100

#: The attributes of a verdict in their order.
Cells = tuple[int, str, str, Action, float, float, float, float, float]

_ACTIONS: tuple[Action, ...] = ("approve", "cut", "reject")


class Record(NamedTuple):
    """One rule asked once; arrays of shape (n_symbols,).

    `shown` is what it was shown as held. `ruling` is None where it was seen to change nothing without being
    applied; `Passage.ruling` applies it then.
    """

    rule: str
    before: Floats
    after: Floats
    shown: Floats
    ruling: Ruling | None


@dataclass(frozen=True, slots=True)
class Passage:
    """What the gate let through, and every rule's word on it.

    Attributes
    ----------
    held, wanted, quantity : ndarray of shape (n_symbols,)
        Net units held, wanted and let through.
    records : tuple of Record
        In the order in which the rules were asked.
    last_round : int
        Index of the first record of the last round, which changed nothing.
    rules : tuple of Rule
        Those that the situation concerned.
    situation : Situation
    """

    held: Floats
    wanted: Floats
    quantity: Floats
    records: tuple[Record, ...]
    last_round: int
    rules: tuple[Rule, ...]
    situation: Situation

    def ruling(self, record: Record) -> Ruling:
        """What the rule of a record said, with its numbers."""
        if record.ruling is not None:
            return record.ruling
        rule = next(one for one in self.rules if one.name == record.rule)
        return rule.apply(record.before, record.shown, self.situation)


def pass_gate(rules: Sequence[Rule], wanted: Floats, held: Floats, situation: Situation) -> Passage:
    """Put wanted positions through the rules.

    The rules are gone through again until what comes out passes once more unchanged. Where a rule of trades
    held a sale back, the purchases that were let through on its account have lost their money: they are
    judged again, beside what is then really held, before anything else is. It ends, because from round to
    round purchases and free sales only get smaller, and what a cap sells depends on nothing but them.

    Parameters
    ----------
    rules : sequence of Rule
        In the order of the gate.
    wanted, held : ndarray of shape (n_symbols,)
        Net units, exact multiples of their units.
    situation : Situation

    Returns
    -------
    Passage

    Raises
    ------
    Refused
        When a quantity is not a number, a rule does more than its subject allows (adds risk, or holds back a
        reduction as a rule for entries), or the rules do not settle.
    """
    if anywhere(~np.isfinite(wanted)):
        raise Refused(f"a quantity is not a number: {wanted.tolist()} wanted on {held.tolist()} held")
    rules = tuple([rule for rule in rules if rule.concerns(situation)])
    asking = [(rule, rule.idle(situation)) for rule in rules]
    records: list[Record] = []
    start = asked = Asked(wanted, held, situation)
    purchases_only = False
    stuck: Flags = np.zeros(len(wanted), dtype=bool)
    for number in range(MOST_ROUNDS):
        first, late = len(records), stuck if number >= WHOLE_FROM else None
        after, stuck = _one_round(asking, start, records, purchases_only=purchases_only, stuck=late)
        unpaid = after.adds and anywhere(stuck)
        if purchases_only:
            unpaid = not _same(after.wanted, start.wanted)
        if not unpaid and _same(after.wanted, asked.wanted):
            return Passage(held, wanted, after.wanted, tuple(records), first, rules, situation)
        start, purchases_only = after, unpaid
        if not unpaid:
            asked = after
    raise Refused(
        f"the rules do not settle: {wanted.tolist()} wanted on {held.tolist()} held still changes after "
        f"{MOST_ROUNDS} rounds, now to {start.wanted.tolist()}; look for two rules that undo each other"
    )


def _one_round(
    rules: Sequence[tuple[Rule, bool]],
    start: Asked,
    records: list[Record],
    *,
    purchases_only: bool,
    stuck: Flags | None = None,
) -> tuple[Asked, Flags]:
    """Every rule once, with whether it is idle; and where a rule of trades held a sale back.

    What was measured of what is asked is kept from round to round. With `purchases_only`, rules of positions
    sell nothing that was not for sale before. With `stuck`, which is where sales were held back in the round
    before, an addition that they cut is undone, and what they sell is what they would beside no sale there.
    """
    exempt: Flags | None = None
    now, held, situation = start, start.held, start.situation
    held_back: Flags = np.zeros(len(held), dtype=bool)
    for rule, idle in rules:
        asked = now
        if rule.subject == "entries":
            if not now.adds:
                continue
        elif rule.subject == "trades":
            if exempt is not None:
                asked = Asked(now.wanted, np.where(exempt, now.wanted, held), situation)
            if not asked.trades:
                continue
        before, shown = asked.wanted, asked.held
        if idle or rule.passes(asked):
            records.append(Record(rule.name, before, before, shown, None))
            continue
        ruling = rule.apply(before, shown, situation)
        after = ruling.after
        if exempt is not None and rule.order >= EXEMPT_FROM:
            after = np.where(exempt, before, after)
        if ruling.exempt is not None and anywhere(ruling.exempt):
            exempt = ruling.exempt if exempt is None else exempt | ruling.exempt
        if after is not before:
            _check(rule, now, after)
            if rule.subject == "trades":
                held_back = held_back | (np.abs(after) > np.abs(before))
            elif rule.subject == "positions" and (purchases_only or stuck is not None):
                after = _fewer_sales(rule, now, after, purchases_only=purchases_only, stuck=stuck)
            now = Asked(after, held, situation)
        records.append(Record(rule.name, before, after, shown, ruling))
    return now, held_back


def _fewer_sales(
    rule: Rule, asked: Asked, after: Floats, *, purchases_only: bool, stuck: Flags | None
) -> Floats:
    """What a rule of positions leaves in a later round, see `_one_round`."""
    before, kept = asked.wanted, asked.kept
    if stuck is not None:
        after = np.where((after != before) & (np.abs(after) > np.abs(kept)), kept, after)
        if anywhere(stuck & (after != before)):
            after = np.where(stuck, after, _beside_stuck(rule, asked, after, stuck))
    if purchases_only:
        after = np.minimum(np.maximum(after, np.minimum(before, kept)), np.maximum(before, kept))
    return after


def _beside_stuck(rule: Rule, asked: Asked, after: Floats, stuck: Flags) -> Floats:
    """What a rule of positions leaves where the sales that it asks for in some symbols do not come about."""
    before = asked.wanted
    for _ in range(MOST_TRIES):
        tried = np.where(stuck, before, after)
        after = rule.apply(tried, asked.held, asked.situation).after
        if _same(np.where(stuck, before, after), tried):
            return tried
    return np.where(after == before, before, 0.0)


def _same(one: Floats, other: Floats) -> bool:
    """Whether two arrays of one shape, none of it NaN, are equal."""
    return one is other or not anywhere(one != other)


def _check(rule: Rule, asked: Asked, after: Floats) -> None:
    """That a rule only made its subject smaller."""
    before, held = asked.wanted, asked.held
    toward: Floats | float = 0.0
    if rule.subject == "trades":
        toward = held
    elif rule.subject == "entries":
        toward = asked.kept
    if anywhere((after - before) * (after - toward) > 0.0):
        raise Refused(
            f"rule {rule.name} is wrong: it may only make {rule.subject} smaller; asked {before.tolist()} on "
            f"{held.tolist()} held, it left {after.tolist()}"
        )


def verdicts(passage: Passage, symbols: Sequence[str]) -> list[Verdict]:
    """The gate's words on one decision.

    Every cut and every rejection has its verdict. A trade that left the gate also has the approval of each
    rule that was asked about it and changed nothing, with the numbers of the last round.
    """
    return [Verdict(*cells) for cells in verdict_cells(passage, symbols)]


def verdict_cells(passage: Passage, symbols: Sequence[str]) -> Iterator[Cells]:
    """The attributes of each of the `verdicts`, for those who need many and none of them as an object."""
    records, held = passage.records, passage.held
    if _quiet(passage):
        return iter(())
    before, after = (np.array([getattr(one, name) for one in records]) for name in ("before", "after"))
    changed = before != after
    steps, silent, columns = np.nonzero(np.stack([changed, _silent(passage, changed)], axis=1))
    rows, places = steps.tolist(), columns.tolist()
    value, limit = np.empty_like(before), np.empty_like(before)
    rulings = {step: passage.ruling(records[step]) for step in dict.fromkeys(rows)}
    for step, ruling in rulings.items():
        value[step], limit[step] = ruling.value, ruling.limit
    cells, is_held = (steps, columns), held[columns]
    action = np.where(silent, 0, np.where(after[cells] == is_held, 2, 1))
    return zip(
        rows,
        [deciding(records[step].rule, rulings[step], n) for step, n in zip(rows, places, strict=True)],
        map(symbols.__getitem__, places),
        map(_ACTIONS.__getitem__, action.tolist()),
        value[cells].tolist(),
        limit[cells].tolist(),
        is_held.tolist(),
        before[cells].tolist(),
        after[cells].tolist(),
        strict=True,
    )


def verdict_counts(passage: Passage) -> Counter[tuple[str, Action]]:
    """How many of the `verdicts` there are, by the rule without the key of its limit, and by the action."""
    told: Counter[tuple[str, Action]] = Counter()
    if _quiet(passage):
        return told
    changed = np.array([one.before != one.after for one in passage.records])
    rejected = changed & np.array([one.after == passage.held for one in passage.records])
    silent = _silent(passage, changed)
    counts = (flags.sum(axis=1).tolist() for flags in (silent, changed & ~rejected, rejected))
    for action, of_action in zip(_ACTIONS, counts, strict=True):
        for record, count in zip(passage.records, of_action, strict=True):
            if count:
                told[record.rule, action] += count
    return told


def _quiet(passage: Passage) -> bool:
    """Whether the gate has no word to say: nothing was asked, or nothing changes."""
    unmoved = _same(passage.quantity, passage.held) and all(
        one.after is one.before for one in passage.records
    )
    return unmoved or not passage.records


def deciding(name: str, ruling: Ruling, n: int) -> str:
    """Name of the rule, with the key of its limit, or the account, where that decided."""
    if ruling.by is None or not ruling.by[n]:
        return name
    keys = ruling.keys or ruling.accounts
    return f"{name}.{keys[n] if keys else ruling.by_key}"


def _silent(passage: Passage, changed: Flags) -> Flags:
    """Where a rule was asked in the last round about a trade that no round of it changed.

    Of shape (n_records, n_symbols), as `changed` is.
    """
    silent = np.zeros_like(changed)
    traded = passage.quantity != passage.held
    if not anywhere(traded):
        return silent
    ever: dict[str, Flags] = {}
    for record, row in zip(passage.records, changed, strict=True):
        ever[record.rule] = ever[record.rule] | row if record.rule in ever else row
    for step, record in enumerate(passage.records[passage.last_round :], passage.last_round):
        asked = traded & ~ever[record.rule]
        if rule_class(record.rule).subject == "entries":
            asked &= without_entries(record.before, passage.held) != record.before
        silent[step] = asked
    return silent


def words(verdict: Verdict) -> str:
    """A verdict as a sentence."""
    return sentence(*(getattr(verdict, name) for name in Verdict.__slots__))


def sentence(
    _: int,
    rule: str,
    symbol: str,
    action: Action,
    value: float,
    limit: float,
    held: float,
    before: float,
    after: float,
) -> str:
    """A verdict as a sentence, from its attributes in their order."""
    change = before - held
    side = "hold" if change == 0 else "buy" if change > 0 else "sell"
    amount = abs(change) if change else abs(held)
    if action == "approve":
        done = "passes"
    elif action == "reject":
        done = "rejected"
    else:
        done = f"cut to a {'purchase' if after > held else 'sale'} of {abs(after - held):.10g}"
    return (
        f"{symbol}: {side} {amount:.10g} {done} by {rule_shown(rule)}: {reason_in_words(rule, value, limit)}"
    )
