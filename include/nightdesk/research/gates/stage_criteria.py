"""What a book must have shown to reach a stage: each criterion with its value, its limit and its evidence.

The numbers of all stages are here. Evidence counts for the rules and the code that it was found of; of other
ones it is stale, and the criterion says so and is not met. What is not known is not met.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from nightdesk.core.stages import Stage
from nightdesk.research.gates.lived_days import LivedDays, apart
from nightdesk.store.code_rows import package_of
from nightdesk.store.gate_evidence_rows import Evidence, EvidenceKind

#: Of a backtest: years (a week less is enough), Sharpe ratio above, drawdown below.
BACKTEST_YEARS, BACKTEST_SHARPE, BACKTEST_DRAWDOWN = 5, 0.7, 0.20
#: Of a validation, this desk's choice: the deflated Sharpe ratio is a probability (Bailey and Lopez de Prado
#: 2014), and so is that of overfitting (Bailey et al. 2017); the p-value is of the test of superior
#: predictive ability to cash (Hansen 2005), over all that was tried.
DEFLATED_SHARPE, OVERFITTING, SUPERIOR_P = 0.95, 0.05, 0.05
#: On paper: sessions, and as many more where models decide; Sharpe ratio above, drawdown below.
PAPER_SESSIONS, MODEL_SESSIONS, PAPER_SHARPE, PAPER_DRAWDOWN = 63, 63, 0.5, 0.15
#: Of a model: its information coefficient is above this throughout.
MODEL_IC = 0.02
#: With real money: days at the stage and sessions in them (holidays taken off), by the stage that is left.
DAYS_AT = {Stage.SMALL: 28, Stage.QUARTER: 14, Stage.HALF: 14}
SESSIONS_AT = {Stage.SMALL: 18, Stage.QUARTER: 8, Stage.HALF: 8}
#: How far the return may lie from that on paper, either way, a share.
APART = 0.02

#: How a validation is made.
VALIDATE = "validate BOOK --from D --to D --set KEY=V1,V2 --keep"

#: A source of bars that are made up: they show nothing of a market.
MADE_UP = "sample"

Value = float | int | bool | str | None
Bound = Literal[">", ">=", "<", "<=", "is"]


@dataclass(frozen=True)
class Criterion:
    """One thing that must hold before a book may go on.

    Attributes
    ----------
    name : str
    value : number, bool, str or None
        As it was found; None where it is not known.
    limit : str
        What it must be, as ``> 0.7``.
    met : bool
        False also of what is not known.
    words : str
        Where the value is from, or what is missing and how to come by it.
    evidence : int or None
        The row of evidence; None where the value is read from the store, or not known.
    at : datetime or None
        When the evidence was kept, UTC.
    """

    name: str
    value: Value
    limit: str
    met: bool
    words: str = ""
    evidence: int | None = None
    at: datetime | None = None

    @property
    def document(self) -> dict[str, Any]:
        """The same in JSON's own types."""
        return {
            "name": self.name,
            "value": self.value,
            "limit": self.limit,
            "met": self.met,
            "words": self.words,
            "evidence": self.evidence,
            "at": None if self.at is None else self.at.isoformat(),
        }


@dataclass(frozen=True)
class Known:
    """All that a book is judged by.

    Attributes
    ----------
    book : str
    rules_hash, code_version : str
        Of the book as its file is, and of the code at work.
    now : datetime
        UTC.
    stage : Stage
        Where it stands.
    since : datetime or None
        Since when; None where it was never promoted.
    evidence : tuple of Evidence
        Of the book, of its rules under other names, and of the code; the newest first.
    paper, live : LivedDays or None
        Days of its rules on paper; its own with real money since it came to the stage.
    models : tuple of str
        Its strategies that learn.
    levels : tuple of int
        Its drawdown levels.
    """

    book: str
    rules_hash: str
    code_version: str
    now: datetime
    stage: Stage = Stage.BACKTEST
    since: datetime | None = None
    evidence: tuple[Evidence, ...] = ()
    paper: LivedDays | None = None
    live: LivedDays | None = None
    models: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()


def evaluate(stage: Stage, known: Known) -> tuple[Criterion, ...]:
    """The criteria of a stage.

    Parameters
    ----------
    stage : Stage
        The one that is to be reached.
    known : Known
        Of a book at the stage before it.
    """
    match stage:
        case Stage.BACKTEST:
            return ()
        case Stage.PAPER:
            return (*_backtest(known), *_stress(known), *_validation(known), *_audits(known), *_code(known))
        case Stage.SMALL:
            return (*_paper(known), *_drill(known, None), *_models(known), *_code(known))
    return (*_real_money(known), *_drill(known, known.since), *_code(known))


def _backtest(known: Known) -> Iterator[Criterion]:
    found, words = _newest(known, "backtest", "backtest BOOK --from D --to D --keep", _is_long)
    figures: Mapping[str, Any] = {} if found is None else found.figures
    first, last = (figures.get(key) for key in ("first", "last"))
    span = f"from {first} to {last}; {words}" if found is not None else words
    yield _judged("backtest_years", _years(figures), ">=", BACKTEST_YEARS, span, found, grace=1 / 50)
    yield _judged("backtest_sharpe", figures.get("sharpe"), ">", BACKTEST_SHARPE, words, found)
    yield _judged("backtest_drawdown", figures.get("max_drawdown"), "<", BACKTEST_DRAWDOWN, words, found)
    sources = None if found is None else tuple(figures.get("sources") or ())
    yield _bars("backtest_bars", sources, words, found)


def _is_long(figures: Mapping[str, Any]) -> bool:
    """Whether a backtest is long enough: a shorter one of later takes nothing from it."""
    years = _years(figures)
    return years is not None and years >= BACKTEST_YEARS - 1 / 50


def _years(figures: Mapping[str, Any]) -> float | None:
    try:
        first, last = (date.fromisoformat(str(figures[key])) for key in ("first", "last"))
    except (KeyError, ValueError):
        return None
    return round(((last - first).days + 1) / 365.25, 2)


def _bars(name: str, sources: tuple[str, ...] | None, words: str, found: Evidence | None) -> Criterion:
    """That bars are of a market."""
    real = bool(sources) and MADE_UP not in (sources or ())
    told = ", ".join(sources) if sources else None
    return Criterion(name, told, "real bars", real, words, *_row(found))


def _stress(known: Known) -> Iterator[Criterion]:
    found, words = _newest_of_a_market(known, "stress", "stress BOOK --keep")
    passed = None if found is None else found.figures.get("passed")
    yield _judged("stress", passed, "is", True, words, found)


def _validation(known: Known) -> Iterator[Criterion]:
    found, words = _newest_of_a_market(known, "validation", VALIDATE)
    deflated, overfitted, luck = (
        _check_of(found, name) for name in ("deflated_sharpe", "overfitting", "beats_cash")
    )
    yield _judged("deflated_sharpe", deflated, ">=", DEFLATED_SHARPE, words, found)
    yield _judged("overfitting_probability", overfitted, "<=", OVERFITTING, words, found)
    yield _judged("superior_ability_p", luck, "<=", SUPERIOR_P, words, found)


def _check_of(found: Evidence | None, name: str) -> Any:
    """The value of one of a validation's checks; None where there is none."""
    one = None if found is None else (found.figures.get("checks") or {}).get(name)
    return one.get("value") if isinstance(one, Mapping) else None


def _audits(known: Known) -> Iterator[Criterion]:
    found, words = _newest(known, "audit", "audit BOOK --from D --to D --keep")
    figures: Mapping[str, Any] = {} if found is None else found.figures
    yield _judged("look_ahead", figures.get("look_ahead_passed"), "is", True, words, found)
    yield _judged("warm_up", figures.get("warm_up_passed"), "is", True, words, found)


def _code(known: Known) -> Iterator[Criterion]:
    package = package_of(known.code_version)
    rows = [one for one in known.evidence if one.kind == "code"]
    found = next((one for one in rows if one.code_version == package), None)
    if found is not None:
        words = f"tests of {package}"
    elif rows:
        words = f"stale: the newest known tests are of code {rows[0].code_version}, this is {package}"
    else:
        words = "no tests are known: `make test`, then `nightdesk record-tests FILE`"
    figures: Mapping[str, Any] = {} if found is None else found.figures
    for name, key in (("tests", "green"), ("data_checks", "data_checks"), ("persistence", "persistence")):
        yield _judged(name, figures.get(key), "is", True, words, found)


def _paper(known: Known) -> Iterator[Criterion]:
    days, wanted = known.paper, PAPER_SESSIONS + (MODEL_SESSIONS if known.models else 0)
    if days is None:
        words = "no started book decides by these rules on paper"
        for name, limit in (
            ("paper_sessions", f">= {wanted}"),
            ("paper_sharpe", f"> {PAPER_SHARPE}"),
            ("paper_drawdown", f"< {PAPER_DRAWDOWN}"),
            ("paper_bars", "real bars"),
            ("paper_crashes", "<= 0"),
            ("paper_gaps", "<= 0"),
        ):
            yield Criterion(name, None, limit, False, words)
        return
    by = f"as {days.book} has lived them"
    figures, crashes, gaps = days.figures, days.crashes(wanted), days.gaps(wanted)
    yield _judged("paper_sessions", days.sessions, ">=", wanted, by)
    yield _judged("paper_sharpe", _number(figures.sharpe), ">", PAPER_SHARPE, by)
    yield _judged("paper_drawdown", _number(figures.max_drawdown), "<", PAPER_DRAWDOWN, by)
    yield _bars("paper_bars", days.sources, by, None)
    yield _judged("paper_crashes", len(crashes), "<=", 0, "; ".join(crashes[:3]) or by)
    yield _judged("paper_gaps", len(gaps), "<=", 0, "; ".join(gaps[:3]) or by)


def _drill(known: Known, after: datetime | None) -> Iterator[Criterion]:
    found, words = _newest(known, "drill", "rehearse BOOK")
    done = {} if found is None else found.figures.get("levels") or {}
    passed = {int(level) for level, one in done.items() if one}
    if found is not None and after is not None and found.at < after:
        words = (
            f"stale: drill {found.number} was before {known.book} came to {known.stage} on {after:%Y-%m-%d}"
        )
        passed, found = set(), None
    wanted = ", ".join(map(str, known.levels)) or "none"
    met = found is not None and passed >= set(known.levels) and found.figures.get("kill_switch") is True
    value = ", ".join(map(str, sorted(passed))) or "none" if found is not None else None
    yield Criterion("levels_drilled", value, f"levels {wanted}, kill switch", met, words, *_row(found))


def _models(known: Known) -> Iterator[Criterion]:
    """What a book asks for beside, in which models decide."""
    if not known.models:
        return
    names = ", ".join(known.models)
    found, words = _newest_of_a_market(known, "validation", VALIDATE)
    about = f"{names}; {words}"
    yield _judged("model_ic", _check_of(found, "lowest_ic"), ">", MODEL_IC, about, found)
    better = _check_of(found, "better_than_without_model")
    yield _judged("model_better_than_without", better, "is", True, about, found)


def _real_money(known: Known) -> Iterator[Criterion]:
    days, stage = known.live, known.stage
    at = None if known.since is None else (known.now - known.since).days
    since = "" if known.since is None else f"at {stage} since {known.since:%Y-%m-%d}"
    wanted = DAYS_AT.get(stage, 0)
    yield _judged("days_at_stage", at, ">=", wanted, since)
    sessions = None if days is None else days.sessions
    yield _judged("sessions_at_stage", sessions, ">=", SESSIONS_AT.get(stage, 0), since)
    crashes = () if days is None else days.crashes(len(days.lived))
    gaps = () if days is None else days.gaps(len(days.lived))
    none = None if days is None else 0
    yield _judged("crashes_at_stage", len(crashes) or none, "<=", 0, "; ".join(crashes[:3]) or since)
    yield _judged("gaps_at_stage", len(gaps) or none, "<=", 0, "; ".join(gaps[:3]) or since)
    yield _apart(known)


def _apart(known: Known) -> Criterion:
    limit = f"within {APART * 100:g} points of paper"
    if known.live is None or known.paper is None:
        lacks = (
            "real money has traded no session"
            if known.live is None
            else "no book on paper decides by these rules"
        )
        return Criterion("return_beside_paper", None, limit, False, lacks)
    difference = apart(known.live, known.paper)
    if difference is None:
        words = f"{known.book} and {known.paper.book} have lived fewer than two sessions together"
        return Criterion("return_beside_paper", None, limit, False, words)
    words = f"{known.book} less {known.paper.book}, a share, over the sessions that both have lived"
    met = abs(difference) <= APART
    return Criterion("return_beside_paper", _number(difference), limit, met, words)


def _newest(
    known: Known, kind: EvidenceKind, command: str, prefers: Any = None
) -> tuple[Evidence | None, str]:
    """The newest evidence of a kind that counts, a preferred one first; and where it is from, or why none."""
    rows = [one for one in known.evidence if one.kind == kind]
    fresh = [
        one for one in rows if (one.rules_hash, one.code_version) == (known.rules_hash, known.code_version)
    ]
    if fresh:
        found = next((one for one in fresh if prefers is not None and prefers(one.figures)), fresh[0])
        return found, f"{kind} of {found.book}"
    how = f"`nightdesk {command.replace('BOOK', known.book)}` makes it"
    if not rows:
        return None, f"there is none: {how}"
    same = [one for one in rows if one.rules_hash == known.rules_hash]
    newest = same[0] if same else rows[0]
    why = f"code {newest.code_version}, this is {known.code_version}" if same else "other rules"
    return None, f"stale: {kind} {newest.number} of {newest.at:%Y-%m-%d} is of {why}; {how}"


def _newest_of_a_market(known: Known, kind: EvidenceKind, command: str) -> tuple[Evidence | None, str]:
    """The same of what bars show; those that are made up show nothing."""
    found, words = _newest(known, kind, command)
    if found is not None and MADE_UP in (found.figures.get("sources") or ()):
        return (
            None,
            f"{kind} {found.number} is of the {MADE_UP} market, which shows nothing: name another feed",
        )
    return found, words


def _judged(
    name: str,
    value: Any,
    bound: Bound,
    limit: float | bool,
    words: str,
    found: Evidence | None = None,
    *,
    grace: float = 0.0,
) -> Criterion:
    """A criterion of a number, or of a yes; what is neither is not known."""
    told = f"{bound} {limit}" if bound != "is" else ("yes" if limit else "no")
    if bound == "is":
        known_value = value if isinstance(value, bool) else None
        return Criterion(name, known_value, told, known_value is limit, words, *_row(found))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Criterion(name, None, told, False, words, *_row(found))
    met = {
        ">": value > limit,
        ">=": value >= limit - grace,
        "<": value < limit,
        "<=": value <= limit,
    }[bound]
    return Criterion(name, value, told, met, words, *_row(found))


def _number(value: float) -> float | None:
    """None for what is not finite."""
    return round(value, 6) if math.isfinite(value) else None


def _row(found: Evidence | None) -> tuple[int | None, datetime | None]:
    return (None, None) if found is None else (found.number, found.at)
