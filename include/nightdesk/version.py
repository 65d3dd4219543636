"""Which code this is: the package's version, and a digest of its source."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path


@cache
def code_version() -> str:
    """Version and digest of the source, such as ``0.1.0+3f9c2a41d07b``: any edit changes it."""
    return f"{version('nightdesk')}+{_digest(Path(__file__).parent)}"


def _digest(folder: Path) -> str:
    """The first 12 hexadecimal digits of a SHA-256 over names and contents of the folder's Python files."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
