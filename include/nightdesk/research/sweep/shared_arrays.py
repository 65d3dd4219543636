"""Arrays that several processes read at once: written to a file, mapped into each of them, never copied.

Processes are started fresh rather than forked: a fork copies locks that other threads of the parent may hold.
What a fresh process needs of the parent's arrays it finds in one file, whose pages the system keeps once.
"""

from __future__ import annotations

import mmap
import pickle
from pathlib import Path

#: Arrays begin at multiples of it, as numpy asks of its own.
ALIGNMENT = 64


def share(path: Path, value: object) -> None:
    """Write `value` to a new file `path`, with the contents of its arrays beside it in ``path.arrays``."""
    buffers: list[pickle.PickleBuffer] = []
    document = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    places = []
    with _arrays(path).open("wb") as file:
        for buffer in buffers:
            file.write(b"\0" * (-file.tell() % ALIGNMENT))
            content = buffer.raw()
            places.append((file.tell(), content.nbytes))
            file.write(content)
    path.write_bytes(pickle.dumps((document, places)))


def shared(path: Path) -> object:
    """The value of `share`, its arrays read-only and mapped from the file.

    Only for files that this program wrote itself: a pickle can run anything.
    """
    document, places = pickle.loads(path.read_bytes())  # nosec B301 (written by this program)
    if not any(length for _, length in places):
        return pickle.loads(document, buffers=[b"" for _ in places])  # nosec B301
    with _arrays(path).open("rb") as file:
        whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    buffers = [whole[start : start + length] for start, length in places]
    return pickle.loads(document, buffers=buffers)  # nosec B301


def _arrays(path: Path) -> Path:
    return path.with_name(path.name + ".arrays")
