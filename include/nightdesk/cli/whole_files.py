"""Files that a command writes where `--out` says: whole or not at all, and an error names the place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nightdesk.core.errors import Refused


@contextmanager
def whole_files(folder: Path, *names: str) -> Iterator[Path]:
    """A hidden folder, whose files take their places in `folder` when the body ends.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    names : str
        Of the files that the body writes, and does nothing else.

    Raises
    ------
    Refused
        When they cannot be written, such as for a lack of room: what was there before is as it was.
    """
    from nightdesk.research.backtest.draft_folder import draft_of

    with _naming(folder), draft_of(folder, names) as draft:
        yield draft


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write a file that takes its place at `path` when the body ends; raises as `whole_files`.

    What is no plain file (a link, a pipe, ``/dev/stdout``) is written as it is: nothing takes its place.
    """
    if path.is_symlink() or (path.exists() and not path.is_file() and not path.is_dir()):
        with _naming(path):
            yield path
        return
    with whole_files(path.parent, path.name) as draft:
        yield draft / path.name


@contextmanager
def _naming(place: Path) -> Iterator[None]:
    """Tell an error of the system, which names no file or a hidden one, of the place that was asked for."""
    try:
        yield
    except OSError as error:
        raise Refused(
            f"{place} cannot be written: {error.strerror or error}. Make room there, or name another place"
        ) from error
