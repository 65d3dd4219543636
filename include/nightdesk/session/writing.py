"""How a step keeps its rows: replaced while the session may change, only compared once it is sealed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from nightdesk.core.errors import Refused
from nightdesk.session.context import Context
from nightdesk.store.ahead import NamedQuery
from nightdesk.store.db import is_idle
from nightdesk.store.rows import Ending, Write, diff_rows, write_all
from nightdesk.store.run_rows import OpenAttempt, ending_of, held_run, outdated_steps


@dataclass(frozen=True)
class StepOutcome:
    """What a step did.

    Attributes
    ----------
    counts : mapping of str to int or str
        Small facts for logs and people.
    sealed : str or None
        Why nothing could be written; None when the session was open to writing.
    differences : sequence of str
        What a sealed session's rows would be now, where they differ.
    """

    counts: Mapping[str, int | str]
    sealed: str | None = None
    differences: Sequence[str] = ()

    def told(self) -> dict[str, int | str]:
        """The counts, with what a sealed session adds to them."""
        if self.sealed is None:
            return dict(self.counts)
        return {**self.counts, "sealed": self.sealed, "differs": len(self.differences)}


@dataclass
class Saver:
    """Writes the rows of one session at the end of its transaction, or compares them when it is sealed."""

    context: Context
    sealed: str | None
    written: int = 0
    differences: list[str] = field(default_factory=list)
    _done: Mapping[str, int | str] | None = None
    _pending: list[Write] = field(default_factory=list)

    def rows(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Make `table` hold exactly `rows` for the session, or note how it differs."""
        self.rows_of(table, {}, rows)

    def rows_of(self, table: str, part: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        """The same for the part of the session's rows that has the values of `part`."""
        key = {**self.context.key, **part}
        if self.sealed is not None:
            self.differences += diff_rows(self.context.conn, table, key, rows)
            return
        self._pending.append(Write(table, key, rows))

    def speaking(
        self,
        table: str,
        part: Mapping[str, Any],
        rows: Sequence[Mapping[str, Any]],
        *,
        by: Sequence[str],
        without: Sequence[str] = (),
    ) -> None:
        """The same for rows a strategy and symbol; of a list of members, for those that say something.

        Parameters
        ----------
        table : str
            Named in `silent_rows`.
        part : mapping of column to value
            As of `rows_of`.
        rows : sequence of mapping
            A row a strategy and symbol.
        by : sequence of str
            Columns of which one that is not 0 makes a row that says something; the others are counted.
        without : sequence of str
            Columns of `rows` that are none of the table.
        """
        spoken = rows
        if self.context.book.members is not None:
            spoken = [row for row in rows if any(row[name] for name in by)]
            self.rows_of("silent_rows", {"table_name": table, **part}, _silent(part, rows, spoken))
        if without:
            spoken = [{name: value for name, value in row.items() if name not in without} for row in spoken]
        self.rows_of(table, part, spoken)

    def add(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add to a table that only grows the rows that it does not hold yet; nothing for a sealed session."""
        if self.sealed is None and rows:
            self._pending.append(Write(table, {}, rows, grows=True))

    def flush(self, *, commit: bool = False) -> None:
        """Write what was given so far, all tables at once; the end of the transaction does it by itself."""
        ended = self._ended() if commit else None
        ending = Ending() if commit and self._pending else None
        if ended is not None:
            ending = ending_of(ended, self._done or {}, self.written)
        for one in write_all(self.context.conn, self._pending, ending):
            self.written += one.inserted + one.updated + one.deleted
        self._pending.clear()
        if ended is not None:
            ended.end()

    def _ended(self) -> OpenAttempt | None:
        """The attempt that ends with the commit; None where more is to be done after it."""
        return self.context.attempt if self.sealed is None and self._done is not None else None

    def done(self, **counts: int | str) -> None:
        """Say what the step did, as the last thing in its transaction: the attempt ends with the commit.

        Nothing may be left to be done after it. Of a sealed session the attempt ends by itself.
        """
        self._done = counts

    def outcome(self, **counts: int | str) -> StepOutcome:
        """What the step did, with the number of rows that it changed."""
        shown = {**(self._done or {}), **counts, "written": self.written}
        return StepOutcome(shown, self.sealed, tuple(self.differences))


def _silent(
    part: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], spoken: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """How many rows of each strategy say nothing."""
    if "strategy" in part:
        return [{"silent": len(rows) - len(spoken)}]
    count = Counter(row["strategy"] for row in rows)
    count.subtract(row["strategy"] for row in spoken)
    return [{"strategy": strategy, "silent": silent} for strategy, silent in count.items()]


@contextmanager
def saving(
    context: Context, *, after_sending: bool = False, ahead: Iterable[NamedQuery] = ()
) -> Iterator[Saver]:
    """One transaction in which the session cannot be sealed by another attempt.

    Parameters
    ----------
    context : Context
        The session.
    after_sending : bool
        True for the steps that come after orders were sent, which seals all the steps before them.
    ahead : iterable of NamedQuery
        What the first block of `reading_once` in it will need.
    """
    conn, book, as_of = context.conn, context.book.name, context.as_of
    alone = is_idle(conn)
    with held_run(conn, book, as_of, by_sending=not after_sending, ahead=ahead) as sealed:
        save = Saver(context, sealed)
        yield save
        save.flush(commit=alone)


def refuse_outdated(context: Context) -> None:
    """Refuse to act on what was computed before the newest bars came that the session uses.

    To be called in a transaction that holds the run: no ingest can come in between.
    """
    speaking = {f"signals:{name}" for name in context.book.strategies}
    old = [
        step
        for step in outdated_steps(context.conn, context.book.name, context.as_of)
        if step in speaking or not step.startswith("signals:")
    ]
    if old:
        raise Refused(
            f"{context.book.name} {context.name}: its bars or its book changed after {', '.join(old)} "
            "had run: run the session again from its quality step on"
        )
