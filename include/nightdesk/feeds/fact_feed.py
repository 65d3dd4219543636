"""The interface of every source of facts beside prices, the one form in which they answer, and their names.

Importing this module is light: what a source needs is imported when it is made.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from nightdesk.core.errors import Refused
from nightdesk.core.facts import FactKind
from nightdesk.core.registry import Registry
from nightdesk.feeds.feed import Missing

if TYPE_CHECKING:
    import pandas as pd

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class FetchedFacts:
    """What a source gave of one kind.

    Attributes
    ----------
    rows : DataFrame
        The columns of the kind: its subject, its day (datetime64[s]), `known_at` (datetime64[us], UTC), its
        values (float64, text, or datetime64[s] with NaT where there is none), source; see `fact_frame`. Of
        one subject and day as many rows as its source tells versions, each with its own `known_at`.
    missing : mapping of str to Missing
        The subjects of which nothing came, and why.
    dropped : mapping of str to int
        How many rows were left out, by reason.
    """

    rows: pd.DataFrame
    missing: Mapping[str, Missing] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)


class FactFeed(ABC):
    """A source of facts of one or more kinds.

    Parameters
    ----------
    environ : mapping of str to str, optional
        Where the key of its vendor is (default: this process's environment).
    now : callable, optional
        The clock, timezone-aware.
    """

    #: The name under which a book lists the source.
    name: ClassVar[str]
    #: The kinds that it has.
    kinds: ClassVar[tuple[FactKind, ...]]

    def __init__(
        self, *, environ: Mapping[str, str] | None = None, now: Clock = lambda: datetime.now(UTC)
    ) -> None:
        self.environ = os.environ if environ is None else environ
        self.now = now

    @abstractmethod
    def fetch(self, kind: FactKind, subjects: Sequence[str], first: date, last: date) -> FetchedFacts:
        """Facts of `subjects` whose day, or whose `known_at`, lies from `first` to `last`, both included.

        Where a source tells no version of its own, a fact is known when it was fetched, or at the instant
        that the publisher's calendar gives. A subject for which nothing came is named in
        `FetchedFacts.missing`; its fault never loses the others.

        Raises
        ------
        Refused
            When what the source holds is malformed.
        """

    def pool(self) -> tuple[str, ...]:
        """All symbols of which it has a listing by now, also those that were delisted.

        Raises
        ------
        Refused
            When the source cannot say: what to name in its place.
        Transient
            When it does not answer.
        """
        raise Refused(
            f"source {self.name} does not say of which symbols it has listings: name a file of them as the "
            "pool, files:PATH with a column symbol"
        )


#: How each source is made, of the argument of its name, the environment and the clock; a class or a function.
FACT_SOURCES: Registry[Callable[[str, Mapping[str, str] | None, Clock], FactFeed]] = Registry(
    "source of facts"
)


def make_facts(
    name: str, *, environ: Mapping[str, str] | None = None, now: Clock = lambda: datetime.now(UTC)
) -> FactFeed:
    """The source of that name: a vendor's, or ``files:`` and the path of a file or folder.

    Raises
    ------
    Refused
        When there is no such source, or no such path.
    """
    made, argument = FACT_SOURCES.find_with_argument(name)
    return made(argument, environ, now)


def fact_frame(kind: FactKind, rows: Sequence[tuple[Any, ...]] | pd.DataFrame = ()) -> pd.DataFrame:
    """Facts in the canonical columns, types and order; without rows an empty frame."""
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(kind.columns))
    types: dict[str, Any] = {kind.subject: object, kind.day: "datetime64[s]", "source": object}
    types |= {"known_at": "datetime64[us]"}
    as_stored = {float: "float64", str: object, date: "datetime64[s]"}
    types |= {name: as_stored[one] for name, one in kind.values.items()}
    return frame.astype(types).sort_values([kind.subject, kind.day, "known_at"], ignore_index=True)
