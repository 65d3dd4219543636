"""The gate: every rule in its written order, on what those before it left, until nothing changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nightdesk.errors import Refused
from nightdesk.panel import Floats
from nightdesk.risk.rule import Flags, Rule, Situation, reason_in_words, rule_class, without_entries
from nightdesk.risk.verdict import Action, Verdict

#: Rules from here on (counts, liquidity, heat, exposure, trades) do not hold back an exempt reduction.
EXEMPT_FROM = 50

#: Two or three rounds are usual; so many mean that something is wrong.
MOST_ROUNDS = 100


@dataclass(frozen=True, slots=True)
class Record:
    """One rule asked once; arrays of shape (n_symbols,), `value` and `limit` may be one number.

    `by` and `by_key` are those of its ruling.
    """

    rule: str
    before: Floats
    after: Floats
    value: Floats | float
    limit: Floats | float
    by: Flags | None = None
    by_key: str = ""


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
    """

    held: Floats
    wanted: Floats
    quantity: Floats
    records: tuple[Record, ...]
    last_round: int


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
    if not np.isfinite(wanted).all():
        raise Refused(f"a quantity is not a number: {wanted.tolist()} wanted on {held.tolist()} held")
    rules = [rule for rule in rules if rule.concerns(situation)]
    records: list[Record] = []
    start = asked = wanted
    purchases_only = False
    for _ in range(MOST_ROUNDS):
        first = len(records)
        after, unpaid = _one_round(rules, start, held, situation, records, purchases_only=purchases_only)
        if purchases_only:
            unpaid = not np.array_equal(after, start)
        if not unpaid and np.array_equal(after, asked):
            return Passage(held, wanted, after, tuple(records), first)
        start, purchases_only = after, unpaid
        if not unpaid:
            asked = after
    raise Refused(
        f"the rules do not settle: {wanted.tolist()} wanted on {held.tolist()} held still changes after "
        f"{MOST_ROUNDS} rounds, now to {start.tolist()}; look for two rules that undo each other"
    )


def _one_round(
    rules: Sequence[Rule],
    wanted: Floats,
    held: Floats,
    situation: Situation,
    records: list[Record],
    *,
    purchases_only: bool,
) -> tuple[Floats, bool]:
    """Every rule once; and whether purchases are left while a sale was held back.

    With `purchases_only`, rules of positions sell nothing that was not for sale before.
    """
    exempt: Flags | None = None
    entries, held_back = _has_entries(wanted, held), False
    for rule in rules:
        before = wanted
        if rule.subject == "entries":
            if not entries:
                continue
            ruling = rule.apply(before, held, situation)
        elif rule.subject == "trades":
            shown = held if exempt is None else np.where(exempt, before, held)
            if np.array_equal(before, shown):
                continue
            ruling = rule.apply(before, shown, situation)
        else:
            ruling = rule.apply(before, held, situation)
        after = ruling.after
        if exempt is not None and rule.order >= EXEMPT_FROM:
            after = np.where(exempt, before, after)
        if ruling.exempt is not None and ruling.exempt.any():
            exempt = ruling.exempt if exempt is None else exempt | ruling.exempt
        if after is not before:
            _check(rule, before, after, held)
            if rule.subject == "trades":
                held_back = held_back or bool((np.abs(after) > np.abs(before)).any())
            elif rule.subject == "positions" and purchases_only:
                kept = without_entries(before, held)
                after = np.minimum(np.maximum(after, np.minimum(before, kept)), np.maximum(before, kept))
            wanted = after
            entries = _has_entries(wanted, held)
        records.append(Record(rule.name, before, after, ruling.value, ruling.limit, ruling.by, ruling.by_key))
    return wanted, held_back and entries


def _has_entries(wanted: Floats, held: Floats) -> bool:
    return not np.array_equal(without_entries(wanted, held), wanted)


def _check(rule: Rule, before: Floats, after: Floats, held: Floats) -> None:
    """That a rule only made its subject smaller."""
    if rule.subject == "trades":
        toward = held
    elif rule.subject == "entries":
        toward = without_entries(before, held)
    else:
        toward = np.zeros_like(before)
    if ((after < np.minimum(before, toward)) | (after > np.maximum(before, toward))).any():
        raise Refused(
            f"rule {rule.name} is wrong: it may only make {rule.subject} smaller; asked {before.tolist()} on "
            f"{held.tolist()} held, it left {after.tolist()}"
        )


def verdicts(passage: Passage, symbols: Sequence[str]) -> list[Verdict]:
    """The gate's words on one decision.

    Every cut and every rejection has its verdict. A trade that left the gate also has the approval of each
    rule that was asked about it and changed nothing, with the numbers of the last round.
    """
    out: list[Verdict] = []
    traded = passage.quantity != passage.held
    spoken: set[tuple[str, int]] = set()
    for step, record in enumerate(passage.records):
        changed = record.before != record.after
        for n in np.flatnonzero(changed).tolist():
            action: Action = "reject" if record.after[n] == passage.held[n] else "cut"
            out.append(_verdict(passage, record, step, symbols, n, action))
            spoken.add((record.rule, n))
        if step < passage.last_round:
            continue
        enters = without_entries(record.before, passage.held) != record.before
        asked = traded & enters if rule_class(record.rule).subject == "entries" else traded
        silent = [n for n in np.flatnonzero(asked & ~changed).tolist() if (record.rule, n) not in spoken]
        out += [_verdict(passage, record, step, symbols, n, "approve") for n in silent]
    return out


def _verdict(
    passage: Passage, record: Record, step: int, symbols: Sequence[str], n: int, action: Action
) -> Verdict:
    return Verdict(
        step=step,
        rule=record.rule if record.by is None or not record.by[n] else f"{record.rule}.{record.by_key}",
        symbol=symbols[n],
        action=action,
        value=_at(record.value, n),
        limit=_at(record.limit, n),
        held=float(passage.held[n]),
        before=float(record.before[n]),
        after=float(record.after[n]),
    )


def _at(number: Floats | float, n: int) -> float:
    return float(number[n]) if isinstance(number, np.ndarray) else float(number)


def words(verdict: Verdict) -> str:
    """A verdict as a sentence."""
    change = verdict.before - verdict.held
    side = "hold" if change == 0 else "buy" if change > 0 else "sell"
    amount = abs(change) if change else abs(verdict.held)
    left = abs(verdict.after - verdict.held)
    done = {
        "approve": "passes",
        "cut": f"cut to a {'purchase' if verdict.after > verdict.held else 'sale'} of {left:g}",
        "reject": "rejected",
    }[verdict.action]
    reason = reason_in_words(verdict.rule, verdict.value, verdict.limit)
    return f"{verdict.symbol}: {side} {amount:g} {done} by {verdict.rule}: {reason}"
