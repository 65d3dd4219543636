"""One word for the bars that a piece of research was made on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Set
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from nightdesk.core.panel import Panel


def bars_digest(panel: Panel) -> str:
    """SHA-256, hexadecimal, over all that a panel holds: arrays by their bytes, actions, rates and facts.

    The same bars have the same digest on every machine, so a NaN equals a NaN and no order of a set counts.
    """
    digest = hashlib.sha256()
    for part in _parts(panel):
        digest.update(part)
    return digest.hexdigest()


def _parts(value: Any) -> Iterator[bytes | memoryview]:
    """The bytes of a value and of what it holds, each with what says where it begins."""
    if isinstance(value, np.ndarray):
        yield f"{value.dtype.str}{value.shape}".encode()
        yield np.ascontiguousarray(value).view(np.uint8).data
    elif is_dataclass(value):
        yield type(value).__name__.encode()
        for field in fields(value):
            yield field.name.encode()
            yield from _parts(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for key in sorted(value):
            yield repr(key).encode()
            yield from _parts(value[key])
    elif isinstance(value, Set):
        yield repr(sorted(value)).encode()
    elif isinstance(value, tuple):
        yield f"({len(value)}".encode()
        for one in value:
            yield from _parts(one)
    else:
        yield repr(value).encode()
