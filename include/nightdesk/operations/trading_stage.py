"""Where a book stands on its way to real money, what it lacks, and its promotion by a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightdesk.core.book import Book
from nightdesk.core.errors import Refused
from nightdesk.core.schedule import schedule_of
from nightdesk.core.stages import Stage
from nightdesk.engine import Desk, resolve
from nightdesk.operations.lived_books import days_of, paper_days
from nightdesk.research.gates.lived_days import LivedDays
from nightdesk.research.gates.stage_criteria import Criterion, Known, evaluate
from nightdesk.session.books import read_books
from nightdesk.session.trading_right import TradingRight, is_live, trading_right
from nightdesk.store.book_rows import stored_book
from nightdesk.store.code_rows import package_of
from nightdesk.store.db import Connection, lock_key, named_lock, now, transaction
from nightdesk.store.gate_evidence_rows import EvidenceKind, evidence_of, keep_evidence
from nightdesk.store.gate_promotion_rows import (
    Promotion,
    newest_evaluation,
    promotions_of,
    store_evaluation,
    store_promotion,
    tested_packages,
)
from nightdesk.store.message_rows import Level, raise_alert
from nightdesk.strategies.learning import LearningStrategy
from nightdesk.version import code_version


@dataclass(frozen=True)
class GateStanding:
    """Where a book stands.

    Attributes
    ----------
    book : str
    live : bool
        Whether an account of it holds real money.
    right : TradingRight
    known : Known
        What it is judged by.
    criteria : tuple of Criterion
        Those of the next stage; empty at the last.
    newest : Promotion or None
        What people decided of it last.
    """

    book: str
    live: bool
    right: TradingRight
    known: Known
    criteria: tuple[Criterion, ...]
    newest: Promotion | None

    @property
    def stage(self) -> Stage:
        """The stage that counts."""
        return self.right.stage

    @property
    def unmet(self) -> tuple[Criterion, ...]:
        """What it lacks for the next stage."""
        return tuple(one for one in self.criteria if not one.met)

    @property
    def is_met(self) -> bool:
        """Whether a person may promote it."""
        return self.stage.next is not None and not self.unmet

    @property
    def words(self) -> str:
        """Its right in a line."""
        return self.right.words if self.live else f"{self.stage}; none of its accounts holds real money"


def gate_standing(conn: Connection, book: Book) -> GateStanding:
    """Where a book stands by its file, the code at work and what the store holds."""
    desk = resolve(book)
    code, newest = code_version(desk), next(iter(promotions_of(conn, book.name, 1)), None)
    right = trading_right(conn, book.name, book.rules_hash, code)
    known = _known(conn, desk, code, right.stage, newest)
    criteria = () if right.stage.next is None else evaluate(right.stage.next, known)
    return GateStanding(book.name, is_live(book), right, known, criteria, newest)


def levels_of(book: Book) -> tuple[int, ...]:
    """The drawdown levels that a book has."""
    return () if book.levels is None else tuple(n for n, _ in book.levels.beyond(0))


def right_of_started(conn: Connection, book: str) -> TradingRight | None:
    """The right of a started book as a step last used it; None where it has no account with real money, or
    cannot be read.
    """
    try:
        stored = stored_book(conn, book)
    except Refused:  # of a version that is gone; that the book cannot be read is a concern of its own
        return None
    if stored is None or not is_live(stored):
        return None
    return trading_right(conn, book, stored.rules_hash, code_version(resolve(stored)))


def promote(conn: Connection, book: Book, stage: Stage, *, reason: str, who: str) -> Promotion:
    """Bring a book to the next stage, or back to any earlier one.

    Parameters
    ----------
    conn : Connection
    book : Book
        As its file is: the right is of its rules and of the code at work.
    stage : Stage
    reason, who : str
        Why, and the person who says so.

    Raises
    ------
    Refused
        When a criterion of the stage is not met, the stage is not the next one, the book has no account with
        real money for it, it stands there already, or somebody else promotes it at the same moment: nothing
        is stored. A way back is never refused for what is not met.
    """
    with named_lock(conn, lock_key(f"gate {book.name}")):
        standing = gate_standing(conn, book)
        recorded = Stage.BACKTEST if standing.newest is None else standing.newest.to_stage
        # A book whose rules have changed counts as one at the beginning, and may be said to be there.
        goes_back = stage.place < recorded.place and stage.place <= standing.stage.place
        if not goes_back:
            _refuse(standing, stage)
        with transaction(conn):
            rests_on = () if goes_back else _keep_days(conn, standing)
            criteria = () if goes_back else standing.criteria
            store_promotion(
                conn,
                book.name,
                standing.newest,
                stage,
                from_stage=recorded if goes_back else standing.stage,
                rules_hash=standing.known.rules_hash,
                code_version=standing.known.code_version,
                reason=reason,
                who=who,
                evidence=sorted({*rests_on, *(one.evidence for one in criteria if one.evidence is not None)}),
                criteria=[one.document for one in criteria],
            )
            done = promotions_of(conn, book.name, 1)[0]
            _tell_promoted(conn, done)
    return done


def look(conn: Connection, book: Book) -> GateStanding:
    """Evaluate a book, keep what was found where it is new, and tell what is newly met, missed or lost."""
    standing = gate_standing(conn, book)
    with named_lock(conn, lock_key(f"gate {book.name}")), transaction(conn):
        before = newest_evaluation(conn, book.name)
        criteria = [one.document for one in standing.criteria]
        same = before is not None and (
            (before.stage, before.standing, list(before.criteria))
            == (standing.stage, standing.words, criteria)
        )
        if same:
            return standing
        number = store_evaluation(
            conn,
            book.name,
            standing.stage,
            is_met=standing.is_met,
            standing=standing.words,
            rules_hash=standing.known.rules_hash,
            code_version=standing.known.code_version,
            criteria=criteria,
        )
        if before is None:
            if standing.is_met:
                _tell(conn, standing, number, "INFO", _met(standing))
            return standing
        if standing.live and standing.right.why and before.standing != standing.words:
            _tell(conn, standing, number, "CRITICAL", ("opens nothing with real money", standing.right.why))
        if before.stage is standing.stage and before.is_met != standing.is_met:
            level: Level = "INFO" if standing.is_met else "WARNING"
            _tell(conn, standing, number, level, _met(standing) if standing.is_met else _missed(standing))
    return standing


def look_at_all(conn: Connection, root: Path) -> tuple[GateStanding, ...]:
    """Evaluate every book of the project that can be read; see `look`.

    Raises
    ------
    Refused
        When some of them cannot be judged, naming them; the others were.
    """
    found, failed = [], []
    for book in read_books(root / "books").books.values():
        try:
            found.append(look(conn, book))
        except Refused as error:
            failed.append(f"{book.name}: {error}")
    if failed:
        raise Refused(f"not judged: {'; '.join(failed)}")
    return tuple(found)


def _known(conn: Connection, desk: Desk, code: str, stage: Stage, newest: Promotion | None) -> Known:
    book, package = desk.book, package_of(code)
    packages, schedule = tested_packages(conn) | {package}, schedule_of(book)
    since = None if newest is None or newest.to_stage is not stage else newest.at
    live: LivedDays | None = None
    if since is not None and stage.share and is_live(book):
        live = days_of(conn, book.name, book.rules_hash, schedule, packages)
        live = None if live is None else live.since(since.date())
    return Known(
        book=book.name,
        rules_hash=book.rules_hash,
        code_version=code,
        now=now(conn),
        stage=stage,
        since=since,
        evidence=evidence_of(conn, book.name, rules_hash=book.rules_hash),
        paper=paper_days(conn, book.rules_hash, schedule, packages),
        live=live if live is not None and live.lived else None,
        models=tuple(name for name, one in desk.strategies.items() if isinstance(one, LearningStrategy)),
        levels=levels_of(book),
    )


def _refuse(standing: GateStanding, stage: Stage) -> None:
    """Refuse a promotion that is not due."""
    book, at = standing.book, standing.stage
    if stage is at:
        raise Refused(f"{book} is at stage {stage} already")
    if stage is not at.next:
        then = f"the next one is {at.next}" if at.next is not None else "it is the last one"
        raise Refused(f"{book} is at stage {at} and cannot go to {stage}: one stage after the other, {then}")
    if stage.share and not standing.live:
        raise Refused(
            f"no account of {book} holds real money, so it cannot go to {stage}: write a book of the same "
            "rules with a name, an account and `live: true` of its own (docs/right-to-trade.md)"
        )
    if standing.unmet:
        lacking, total = "; ".join(map(_lacks, standing.unmet)), len(standing.criteria)
        raise Refused(
            f"{book} cannot go to {stage}: {len(standing.unmet)} of {total} criteria are not met: {lacking}"
        )


def _lacks(one: Criterion) -> str:
    return (
        f"{one.name} is {'not known' if one.value is None else one.value}, wanted {one.limit} ({one.words})"
    )


def _keep_days(conn: Connection, standing: GateStanding) -> tuple[int, ...]:
    """Keep what the store says of the days that a promotion rests on: more of them come; their rows."""
    known = standing.known
    kinds: Sequence[tuple[EvidenceKind, LivedDays | None]] = (("paper", known.paper), ("live", known.live))
    return tuple(
        keep_evidence(conn, days.book, kind, known.rules_hash, known.code_version, _figures(days))
        for kind, days in kinds
        if days is not None and days.lived and standing.stage is not Stage.BACKTEST
    )


def _figures(days: LivedDays) -> Mapping[str, Any]:
    return {
        "first": f"{days.lived[0].session}",
        "last": f"{days.lived[-1].session}",
        "sessions": days.sessions,
        "total_return": days.figures.total_return,
        "sharpe": days.figures.sharpe,
        "max_drawdown": days.figures.max_drawdown,
        "crashes": list(days.crashes(len(days.lived))),
        "gaps": list(days.gaps(len(days.lived))),
        "sources": list(days.sources),
    }


def _met(standing: GateStanding) -> tuple[str, str]:
    later = standing.stage.next
    return (
        f"may be promoted to {later}",
        f"All {len(standing.criteria)} criteria of {later} are met. A person promotes it: "
        f'`nightdesk promote {standing.book} --to {later} --reason "..."`; nothing does so by itself.',
    )


def _missed(standing: GateStanding) -> tuple[str, str]:
    return f"may no longer be promoted to {standing.stage.next}", "\n".join(map(_lacks, standing.unmet))


def _tell(
    conn: Connection, standing: GateStanding, number: int, level: Level, words: tuple[str, str]
) -> None:
    subject, body = words
    key = f"gate {standing.book} {number} {level}"
    raise_alert(conn, key, level, f"{standing.book} {subject}", body, book=standing.book)


def _tell_promoted(conn: Connection, done: Promotion) -> None:
    raise_alert(
        conn,
        f"promotion {done.number}",
        "WARNING" if done.to_stage.share else "INFO",
        f"{done.book} goes from {done.from_stage} to {done.to_stage.in_words}",
        f"By {done.who}: {done.reason}. It counts from the next order on.",
        book=done.book,
    )
