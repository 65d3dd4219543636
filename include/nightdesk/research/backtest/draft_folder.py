"""Files that appear in a folder together: hidden while they are written, in place when all are whole."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from nightdesk.core.errors import Refused

PREFIX = ".nightdesk-draft-"
_DEFERRED = {signal.SIGINT, signal.SIGTERM}


@contextmanager
def draft_of(folder: Path, names: Collection[str]) -> Iterator[Path]:
    """A hidden folder in `folder`, whose files take their places there when the body ends.

    After an error, or an interrupt, `folder` is as it was. A draft whose process was killed is removed by the
    next one.

    Parameters
    ----------
    folder : Path
        Made where it is missing, with the folders above it.
    names : collection of str
        Of the files that will be written.

    Raises
    ------
    Refused
        When files cannot be made there, or a folder stands in the place of one.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        with _opened(folder, names) as draft:
            yield draft
    except BaseException:
        with suppress(OSError):
            for one in missing:
                one.rmdir()
        raise


@contextmanager
def _opened(folder: Path, names: Collection[str]) -> Iterator[Path]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(folder)
        draft = Path(mkdtemp(prefix=PREFIX, dir=folder))
    except OSError as error:
        raise Refused(
            f"{folder}: no files can be written there: {error.strerror}; name another folder"
        ) from error
    held = _lock(draft)
    try:
        for name in names:
            if (folder / name).is_dir():
                raise Refused(f"{folder / name}: a folder stands where a file is to be written; move it away")
        yield draft
        _put_in_place(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        if held is not None:
            os.close(held)


def _put_in_place(draft: Path, folder: Path) -> None:
    """Move the files, and let no signal come between two of them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _DEFERRED)
    try:
        for one in sorted(draft.iterdir()):
            one.replace(folder / one.name)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _remove_abandoned(folder: Path) -> None:
    """Remove drafts that no process holds any more."""
    for draft in folder.glob(f"{PREFIX}*"):
        held = _lock(draft)
        if held is not None:
            shutil.rmtree(draft, ignore_errors=True)
            os.close(held)


def _lock(draft: Path) -> int | None:
    """A descriptor that holds a draft while it is open, also in a forked process; None where another does."""
    descriptor = os.open(draft, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
