"""What made a decision and what would make it now: another version of the code, or of the book, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from nightdesk.core.book import Book
from nightdesk.core.masking import mask_line
from nightdesk.session.context import Context
from nightdesk.store.book_rows import book_version
from nightdesk.store.run_rows import StoredRun
from nightdesk.version import code_version

#: So many changed keys are named; a book that was written anew has hundreds.
KEYS_NAMED = 8


def changed_since(context: Context, run: StoredRun) -> str:
    """What differs between the code and book that decided a session and those of now; empty for nothing."""
    words, now = [], code_version(context.desk)
    if run.code_version != now:
        words.append(f"decided by version {run.code_version}, now {now}")
    if run.config_hash != context.book.config_hash:
        words.append(f"book changed: {book_changes(context, run)}")
    return "; ".join(words)


def book_changes(context: Context, run: StoredRun) -> str:
    """The keys of the book that differ from those that decided a session, as ``key: then -> now``."""
    before = book_version(context.conn, run.book, run.config_hash)
    if before is None:
        return "which keys is not known, as it was decided before the desk kept what books say"
    return mask_line(", ".join(_named(_flat(before), _flat(said_by(context.book)))))


def said_by(book: Book) -> Mapping[str, Any]:
    """All that a book decides by, as JSON writes it."""
    said: Mapping[str, Any] = json.loads(book.configuration)
    return said


def _named(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    keys = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    for key in keys[:KEYS_NAMED]:
        yield f"{key}: {before.get(key, 'absent')} -> {now.get(key, 'absent')}"
    if len(keys) > KEYS_NAMED:
        yield f"and {len(keys) - KEYS_NAMED} more"


def _flat(tree: Any, path: str = "") -> dict[str, str]:
    """The leaves of a tree by their paths, such as ``limits.trades_per_day.limit``."""
    if not isinstance(tree, Mapping) or not tree:
        return {path: json.dumps(tree, ensure_ascii=False)}
    return {
        name: leaf
        for key, branch in tree.items()
        for name, leaf in _flat(branch, f"{path}.{key}" if path else str(key)).items()
    }
