"""Telling what lasts: once when it begins, once more when it turns graver, once when it is over.

Whoever looks gives all that holds now; what is told follows from the spells that are stored. So a look that
is repeated, comes late or fails half-way tells nothing twice. What begins at one look is one alert a kind and
level, however many symbols it is about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date

from nightdesk.session.context import Context
from nightdesk.store.alert_spells import (
    AlertSpell,
    Kind,
    begin_spell,
    end_spell,
    newest_spell_session,
    open_spells,
)
from nightdesk.store.db import Connection, cursor, lock_key, now, transaction
from nightdesk.store.message_rows import Level, raise_alert

#: From the mildest to the gravest.
_GRAVITY: tuple[Level, ...] = ("INFO", "WARNING", "CRITICAL", "EMERGENCY")

#: How the subject of an alert begins, and what a reader should do.
_HEADINGS: dict[Kind, str] = {
    "quarantine": "in quarantine",
    "no_bar": "without a bar",
    "reference": "a reference is missing",
    "feed": "a source of data fails",
    "late_data": "the data is late",
    "limit": "near a limit",
    "band": "outside its backtest's band",
    "retry": "is tried again",
    "dispute": "position in dispute",
    "book_file": "its file is gone or wrong",
    "bundle": "a bundle is uneven",
    "backup": "backups fail",
}

#: A key that names many subjects is shortened to its hash beyond so many characters.
_LONGEST_KEY = 200


@dataclass(frozen=True)
class Condition:
    """Something that holds and that people should know of.

    `words` is a whole sentence with its numbers and since when; `todo` says what to do next, and is told once
    for all conditions of an alert that share it.
    """

    kind: Kind
    subject: str
    level: Level
    words: str
    todo: str


@dataclass(frozen=True)
class Look:
    """One look at a book, or at the desk where `book` is empty.

    `kinds` are those that were looked for: an open spell of one of them that holds no more is over. `stamp`
    tells this look from later ones in the keys of its alerts: the session, or what stands for it.
    """

    book: str
    kinds: Collection[Kind]
    stamp: str
    session: date | None = None


def speaks(context: Context) -> bool:
    """Whether people are told of the decision's conditions: of the newest one that can be made alone.

    A backfill of past ones tells nothing; the newest decision tells what still holds then, and since when.
    """
    if context.dry_run or context.as_of != context.schedule.latest_completed(now(context.conn)):
        return False
    newest = newest_spell_session(context.conn, context.book.name)
    return newest is None or newest <= context.session


def notice(
    conn: Connection, look: Look, conditions: Iterable[Condition], over: Callable[[AlertSpell], str | None]
) -> int:
    """Tell what has begun, what has turned graver and what is over since the look before.

    Parameters
    ----------
    conn : Connection
        In a transaction of the caller, or by itself.
    look : Look
        What was looked at.
    conditions : iterable of Condition
        All that holds now, of the kinds of the look.
    over : callable
        The end of a spell in words; None where it ends without a word, since something else tells of it.

    Returns
    -------
    int
        How many alerts were raised.
    """
    holding = {(one.kind, one.subject): one for one in conditions}
    if not holding and not open_spells(conn, look.book, look.kinds):
        return 0
    with transaction(conn):
        wait_for_turn(conn, look.book)
        told = open_spells(conn, look.book, look.kinds)
        news = [
            one
            for key, one in holding.items()
            if key not in told or _GRAVITY.index(one.level) > _GRAVITY.index(told[key].level)
        ]
        ended = [spell for key, spell in told.items() if key not in holding]
        raised = sum(_tell_begun(conn, look, some) for some in _together(news))
        for one in news:
            begin_spell(conn, look.book, one.kind, one.subject, one.level, look.session)
        for spell in ended:
            end_spell(conn, spell.spell_id)
        said = [(spell, words) for spell in ended if (words := over(spell)) is not None]
        return raised + (_tell_over(conn, look, said) if said else 0)


def wait_for_turn(conn: Connection, book: str) -> None:
    """Be the only one who tells of the book's conditions, to the end of the transaction."""
    with cursor(conn) as cur:
        cur.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(f"spells {book}"),))


def _together(news: Iterable[Condition]) -> list[list[Condition]]:
    """The conditions of each kind and level, the gravest first."""
    groups: dict[tuple[Kind, Level], list[Condition]] = {}
    for one in news:
        groups.setdefault((one.kind, one.level), []).append(one)
    return [
        sorted(groups[key], key=lambda one: one.subject)
        for key in sorted(groups, key=lambda key: (-_GRAVITY.index(key[1]), key[0]))
    ]


def _tell_begun(conn: Connection, look: Look, some: list[Condition]) -> bool:
    first = some[0]
    todo = dict.fromkeys(one.todo for one in some)
    return raise_alert(
        conn,
        _key(look, first.kind, first.level, [one.subject for one in some]),
        first.level,
        _subject(look, _HEADINGS[first.kind], [one.subject for one in some]),
        "\n".join(one.words for one in some) + "\n\n" + "\n".join(todo),
        book=look.book or None,
        session=look.session,
    )


def _tell_over(conn: Connection, look: Look, said: list[tuple[AlertSpell, str]]) -> bool:
    names = [spell.subject or _HEADINGS[spell.kind] for spell, _ in said]
    return raise_alert(
        conn,
        _key(look, "over", "INFO", [f"{spell.kind} {spell.subject}" for spell, _ in said]),
        "INFO",
        _subject(look, "over", names),
        "\n".join(words for _, words in said),
        book=look.book or None,
        session=look.session,
    )


def _key(look: Look, what: str, level: Level, subjects: list[str]) -> str:
    names = ",".join(subjects)
    if len(names) > _LONGEST_KEY:
        names = hashlib.sha256(names.encode()).hexdigest()
    return f"{what} {look.book or 'desk'} {look.stamp} {level} {names}"


def _subject(look: Look, heading: str, subjects: list[str]) -> str:
    shown = [one for one in subjects if one]
    names = ", ".join(shown[:6]) + (f" and {len(shown) - 6} more" if len(shown) > 6 else "")
    about = f"{look.book} {look.session}" if look.session is not None else look.book or "the desk"
    return f"{about}: {heading}" + (f": {names}" if names else "")
