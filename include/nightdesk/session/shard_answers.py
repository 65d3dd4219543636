"""A vendor's answer as the store keeps it between the task that has asked and the ingest that uses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from nightdesk.feeds.feed import ACTION_COLUMNS, BAR_COLUMNS, Fault, Fetched, Missing, action_frame, bar_frame
from nightdesk.session.context import Context
from nightdesk.store.packing import Packed
from nightdesk.store.shard_rows import read_shards
from nightdesk.version import code_version

if TYPE_CHECKING:
    import pandas as pd

#: Columns that name things; a number stands for each name.
_NAMES = frozenset(("symbol", "source", "kind", "other", "note"))


@dataclass(frozen=True)
class ShardAnswer:
    """What came for some symbols from a day on.

    Attributes
    ----------
    symbols : tuple of str
        That were asked for.
    fetched : Fetched
    unheard : frozenset of str
        Of which a bar may still come.
    """

    symbols: tuple[str, ...]
    fetched: Fetched
    unheard: frozenset[str]

    @property
    def settled(self) -> tuple[str, ...]:
        """The symbols that need not be asked for again: all has come, or every source has none."""
        missing = self.fetched.missing
        return tuple(
            one
            for one in self.symbols
            if one not in self.unheard and (one not in missing or missing[one].fault is Fault.ABSENT)
        )

    def of(self, symbols: Sequence[str]) -> Fetched:
        """The answer for some of its symbols."""
        kept = set(symbols)
        if kept >= set(self.symbols):
            return self.fetched
        bars, actions = self.fetched.bars, self.fetched.actions
        return replace(
            self.fetched,
            bars=bars[bars["symbol"].isin(kept)],
            actions=actions[actions["symbol"].isin(kept)],
            missing={one: why for one, why in self.fetched.missing.items() if one in kept},
        )


def made_from(context: Context) -> str:
    """The book and the code that ask: what another one was answered is not used."""
    return f"{context.book.config_hash} {code_version(context.desk)} {' '.join(context.feeds)}".strip()


def answers_ahead(context: Context, first: date) -> list[ShardAnswer]:
    """What was asked ahead of an ingest from a day on; nothing where its book is not sharded."""
    if context.book.feeds.shards == 1:
        return []
    found = read_shards(context.conn, context.book.name, context.as_of, first, made_from(context))
    return [unpacked(content) for _, content in found]


def packed(answer: ShardAnswer) -> Packed:
    """An answer as arrays and facts."""
    arrays: dict[str, Any] = {}
    facts: dict[str, Any] = {
        "symbols": answer.symbols,
        "unheard": sorted(answer.unheard),
        "missing": {one: (why.reason, why.fault.value) for one, why in answer.fetched.missing.items()},
        "dropped": dict(answer.fetched.dropped),
        "passed_over": dict(answer.fetched.passed_over),
    }
    for part, frame in (("bars", answer.fetched.bars), ("actions", answer.fetched.actions)):
        for column in frame:
            values = frame[column].to_numpy()
            if column in _NAMES:
                names, values = np.unique(values.astype(str), return_inverse=True)
                facts[f"{part}.{column}"], values = names.tolist(), values.astype(np.int32)
            arrays[f"{part}.{column}"] = values
    return Packed(arrays, facts)


def unpacked(content: Packed) -> ShardAnswer:
    """The answer that was packed, to the last bit."""
    facts = content.facts
    fetched = Fetched(
        bar_frame(_frame(content, "bars", BAR_COLUMNS)),
        action_frame(_frame(content, "actions", ACTION_COLUMNS)),
        {one: Missing(reason, Fault(fault)) for one, (reason, fault) in facts["missing"].items()},
        facts["dropped"],
        facts["passed_over"],
    )
    return ShardAnswer(tuple(facts["symbols"]), fetched, frozenset(facts["unheard"]))


def _frame(content: Packed, part: str, columns: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    def column(name: str) -> Any:
        values = content.arrays[f"{part}.{name}"]
        if name not in _NAMES:
            return values
        names = np.asarray(content.facts[f"{part}.{name}"], dtype=object)
        return names[values] if len(names) else values.astype(object)

    return pd.DataFrame({name: column(name) for name in columns})
