"""Plug-ins of a user's own: files of the project's `plugins/own`, and entry points of installed packages.

They are imported all together, and only when a name is asked for that the package does not have. One that
fails leaves nothing behind, and fails nobody who does not name what is in it.
"""

from __future__ import annotations

import importlib
import logging
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from importlib.util import spec_from_file_location
from pathlib import Path
from time import perf_counter
from types import CodeType, ModuleType

from nightdesk.core.errors import Refused
from nightdesk.core.plug_in import PlugIn, imported
from nightdesk.machine.home import Home
from nightdesk.plug_in_sources import digest_of_file, digest_of_package, is_module_name

#: The package whose modules are the user's files, and their folder in the project.
OWN = "nightdesk.own"
FOLDER = Path("plugins", "own")
#: Group of the entry points by which an installed package names its modules with plug-ins.
GROUP = "nightdesk.plugins"
#: What enters the package's own plug-ins. It is imported before any file of the user's: what is entered while
#: such a file runs is the user's, and goes where that fails.
ROOMS = (
    "nightdesk.strategies",
    "nightdesk.factors",
    "nightdesk.portfolio",
    "nightdesk.risk",
    "nightdesk.accounting",
    "nightdesk.feeds",
    "nightdesk.feeds.funding_sources",
    "nightdesk.feeds.news_sources",
    "nightdesk.scorers",
    "nightdesk.brokers",
)
#: Every task of a book that names a plug-in imports all of them.
SLOW_SECONDS = 2.0

log = logging.getLogger("nightdesk.plug_ins")


@dataclass(frozen=True)
class TriedImport:
    """What became of the import of a file or an entry point.

    `fault` says with file and line why it failed, empty where it did not; `stamp` is what the file was then.
    """

    place: str
    module: str
    seconds: float = 0.0
    fault: str = ""
    stamp: tuple[int, int] = (0, 0)


_attempts: dict[str, TriedImport] = {}
_imported: dict[str, PlugIn] = {}
_searching: list[bool] = []


def search() -> Sequence[str]:
    """Import what has not been imported yet, and what has failed and was edited since.

    Returns
    -------
    sequence of str
        Where plug-ins were looked for, and the fault of each that could not be imported.
    """
    if _searching:  # a plug-in that asks for a name while it is imported
        return ()
    _searching.append(True)
    try:
        files, entries = tuple(own_files()), _entry_points()
        for room in ROOMS if files or entries else ():
            importlib.import_module(room)
        for path in files:
            _try_file(path)
        for entry in entries:
            _try_entry_point(entry)
    finally:
        _searching.pop()
    faults = [one.fault for one in _attempts.values() if one.fault]
    folder = own_folder()
    looked = f"{folder} and in " if folder else ""
    return (f"plug-ins of your own are looked for in {looked}the entry points {GROUP}", *faults)


def attempts() -> tuple[tuple[TriedImport, PlugIn | None], ...]:
    """All that was found, each with what it has entered; None where its import failed."""
    search()
    return tuple((one, _imported.get(one.module)) for one in _attempts.values())


def forget() -> None:
    """Let it be as if nothing had been searched for in this process."""
    for plug_in in _imported.values():
        plug_in.take_back()
    for name in [*sys.modules]:
        if name == OWN or name.startswith(f"{OWN}.") or name in _imported:
            del sys.modules[name]
    _imported.clear()
    _attempts.clear()
    importlib.invalidate_caches()


def own_folder() -> Path | None:
    """The folder of the user's files; None outside any project."""
    try:
        return Home.find().root / FOLDER
    except Refused:
        return None


def own_files() -> Iterator[Path]:
    """The user's files and packages in the order of their names; tests and what begins with _ are none."""
    folder = own_folder()
    if folder is None or not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        file = path / "__init__.py" if path.is_dir() else path
        if path.name.startswith(("_", ".", "test_", "conftest.")) or file.suffix != ".py":
            continue
        if file.exists():
            yield path


def _try_file(path: Path) -> None:
    stat = path.stat()
    stamp = (stat.st_mtime_ns, stat.st_size)
    before = _attempts.get(str(path))
    if before is not None and (not before.fault or before.stamp == stamp):
        return
    if not is_module_name(path.stem):
        fault = f"{path}: {path.stem!r} is no name of a module: rename it, with letters, digits and _ alone"
        _attempts[str(path)] = TriedImport(str(path), "", fault=fault, stamp=stamp)
        return
    name = f"{OWN}.{path.stem}"
    _attempts[str(path)] = _timed(str(path), name, stamp, path, lambda: importlib.import_module(name))


def _try_entry_point(entry: EntryPoint) -> None:
    place = _place_of(entry)
    if place in _attempts:
        return

    def load() -> None:
        plug_in = PlugIn(entry.module, place, digest_of_package(entry.module))
        with imported(plug_in):
            entry.load()
        _imported[entry.module] = plug_in

    _attempts[place] = _timed(place, entry.module, (0, 0), None, load)


def _timed(
    place: str, module: str, stamp: tuple[int, int], path: Path | None, load: Callable[[], object]
) -> TriedImport:
    began, fault = perf_counter(), ""
    try:
        load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 (whatever a plug-in does, the other books stay)
        fault = _fault_of(error, place, path)
    seconds = perf_counter() - began
    if seconds > SLOW_SECONDS:
        log.warning(
            "%s took %.1f s to import, and every task of a book with a plug-in waits for it: "
            "import what is heavy inside the function that needs it",
            place,
            seconds,
        )
    return TriedImport(place, module, seconds, fault, stamp)


def _fault_of(error: BaseException, place: str, path: Path | None) -> str:
    """Why an import failed, with the line of the user's file that was running."""
    words = f"{error}" if isinstance(error, Refused) else f"{type(error).__name__}: {error}"
    at = place
    if path is not None:
        lines = [
            f"{frame.filename}, line {frame.lineno}"
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename).is_relative_to(path)
        ]
        at = lines[-1] if lines else place
        if isinstance(error, SyntaxError) and error.filename:
            at, words = f"{error.filename}, line {error.lineno}", f"SyntaxError: {error.msg}"
    return f"{at}: could not be imported: {' '.join(words.split())}"


@cache
def _entry_points() -> tuple[EntryPoint, ...]:
    return tuple(sorted(entry_points(group=GROUP), key=_place_of))


def _place_of(entry: EntryPoint) -> str:
    package = "" if entry.dist is None else f" of {entry.dist.name} {entry.dist.version}"
    return f"entry point {entry.name} ({entry.value}){package}"


class _OwnLoader(SourceFileLoader):
    """Runs a file of the user's as a plug-in, whoever imports it first."""

    def get_code(self, fullname: str) -> CodeType:
        """The code of the file as it is: one compiled before, in the same second, might be another."""
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code

    def exec_module(self, module: ModuleType) -> None:
        """Run it; what it enters stays where it ends well."""
        plug_in = PlugIn(self.name, self.path, digest_of_file(Path(self.path)))
        with imported(plug_in):
            super().exec_module(module)
        _imported[self.name] = plug_in


class _OwnFinder(MetaPathFinder):
    """Finds the modules of `nightdesk.own` in the project's folder."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """The module of a file, or of a folder with an `__init__.py`."""
        parent, _, stem = name.rpartition(".")
        folder = own_folder() if parent == OWN else None
        if folder is None:
            return None
        package, file = folder / stem, folder / f"{stem}.py"
        if (package / "__init__.py").is_file():
            loader = _OwnLoader(name, str(package / "__init__.py"))
            return spec_from_file_location(name, loader=loader, submodule_search_locations=[str(package)])
        return spec_from_file_location(name, loader=_OwnLoader(name, str(file))) if file.is_file() else None


sys.meta_path.append(_OwnFinder())
