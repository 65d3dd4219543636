"""What stands beside a dump: whose it is, what it holds, and by what it is known to be whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from nightdesk.core.errors import Refused

#: Of the manifest itself: a reader refuses one that it does not know.
FORMAT = 1
DUMP, MANIFEST = ".dump", ".json"


@dataclass(frozen=True)
class BookContents:
    """What a dump holds of a book: closed decisions, the newest of them (ISO, UTC), and hashes of some."""

    closed: int
    newest: str | None
    hashes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """The words beside a dump.

    Attributes
    ----------
    file : str
        Name of the dump beside it.
    made_at : datetime
        The instant whose state it holds, by the database's clock, UTC.
    installation : str
        Mark of the installation that it is a copy of.
    code_version : str
        Of the code that made it.
    newest_migration : str
        The newest migration of its schema.
    server, programs : int
        Major version of PostgreSQL: of the server, and of the pg_dump that made it.
    bytes : int
        Size of the dump.
    sha256 : str
        Of the dump, hexadecimal.
    hashed_by : str
        Which question the hashes of decisions are made by: those of another one are not comparable.
    roles : tuple of str
        Roles that were given rights to the schema.
    books : mapping of str to BookContents
        What it holds of each started book.
    """

    file: str
    made_at: datetime
    installation: str
    code_version: str
    newest_migration: str
    server: int
    programs: int
    bytes: int
    sha256: str
    hashed_by: str
    roles: tuple[str, ...]
    books: Mapping[str, BookContents]

    @property
    def name(self) -> str:
        """Name of the manifest's own file."""
        return self.file.removesuffix(DUMP) + MANIFEST

    def text(self) -> str:
        """The manifest as its file has it."""
        document = asdict(self) | {"format": FORMAT, "made_at": self.made_at.isoformat()}
        return json.dumps(document, indent=2, sort_keys=True) + "\n"

    def words(self) -> str:
        """What it is, for a person."""
        books = ", ".join(f"{name} {one.closed:,}" for name, one in self.books.items()) or "no book"
        return (
            f"{self.file}: of {self.made_at:%Y-%m-%d %H:%M:%S} UTC, installation {self.installation}, "
            f"{self.bytes / 1024**2:,.1f} MB, closed decisions: {books}"
        )


def read_manifest(text: str | bytes, where: str) -> Manifest:
    """A manifest from the text of its file.

    Raises
    ------
    Refused
        When it is cut, is none, or is of a newer kind.
    """
    try:
        found = json.loads(text)
        kind = found.pop("format")
        if kind != FORMAT:
            raise Refused(f"{where}: a manifest of format {kind}, this code knows {FORMAT}: update the code")
        manifest = _made(found)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refused(
            f"{where} is no whole manifest of a backup ({type(error).__name__}: {error}): it was cut or "
            "changed. Take another backup; `nightdesk backups` lists them"
        ) from None
    return manifest


def _made(found: dict[str, Any]) -> Manifest:
    books = {name: BookContents(**one) for name, one in found.pop("books").items()}
    made_at = datetime.fromisoformat(found.pop("made_at"))
    manifest = Manifest(made_at=made_at, roles=tuple(found.pop("roles")), books=books, **found)
    numbers = (manifest.server, manifest.programs, manifest.bytes)
    texts = (
        manifest.file,
        manifest.installation,
        manifest.newest_migration,
        manifest.sha256,
        manifest.hashed_by,
    )
    whole = all(isinstance(one, int) for one in numbers) and all(isinstance(one, str) for one in texts)
    if made_at.tzinfo is None or not whole or "/" in manifest.file or not manifest.file.endswith(DUMP):
        raise ValueError("a value of another kind than expected")
    return manifest
