"""A small desk that has decided some sessions, kept so that many tests can go on from there."""

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Databases
from tests.session.small_desk import SmallDesk


class KeptDesk:
    """A desk as it stood when it was kept: its rows, its book, its bars and its home.

    A copy of its database and of its files takes a tenth of a second, a session decided anew one and more.
    """

    def __init__(self, desk: SmallDesk, home: Path, folder: Path, databases: Databases) -> None:
        self._databases, self._folder = databases, folder
        self._url = databases.copy(desk.url)
        shutil.copytree(desk.book.parent, folder / "desk")
        if home.exists():
            shutil.copytree(home, folder / "home")

    def copy(self, folder: Path) -> SmallDesk:
        """Another desk that stands there; its files are in `folder`, its home is ``folder / "home"``."""
        shutil.copytree(self._folder, folder, dirs_exist_ok=True)
        desk = folder / "desk"
        return SmallDesk(self._databases.copy(self._url), desk / "small.yaml", desk / "market" / "bars.csv")


DeskAfter = Callable[[int], SmallDesk]
