"""Arrays as one value of a table: packed with names and types, unpacked only where nothing has changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DIGEST_BYTES = 32


@dataclass(frozen=True)
class Packed:
    """Arrays by name, of any shape and of numbers, flags or instants, and small facts that JSON can hold."""

    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


def pack(content: Packed) -> bytes:
    """The bytes of a value: a SHA-256 of all that follows, a line of JSON, the arrays in its order."""
    named = {name: np.asarray(one) for name, one in content.arrays.items()}
    head = {
        "arrays": [(name, one.dtype.str, list(one.shape)) for name, one in named.items()],
        "facts": dict(content.facts),
    }
    body = json.dumps(head).encode() + b"\n" + b"".join(one.tobytes() for one in named.values())
    return hashlib.sha256(body).digest() + body


def unpack(value: bytes) -> Packed | None:
    """What was packed, to the last bit, in memory of its own; None where the value is damaged."""
    body = value[_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != value[:_DIGEST_BYTES]:
        return None
    line, _, rest = body.partition(b"\n")
    head, at, arrays = json.loads(line), 0, {}
    for name, code, shape in head["arrays"]:
        kind = np.dtype(code)
        count = int(np.prod(shape, dtype=np.int64))
        arrays[name] = np.frombuffer(rest, kind, count, at).reshape(shape).copy()
        at += count * kind.itemsize
    return Packed(arrays, head["facts"])
