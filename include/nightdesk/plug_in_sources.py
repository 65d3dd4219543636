"""Which source a plug-in stands for: its file with those of the user's that it imports, or its package."""

from __future__ import annotations

import ast
import hashlib
import keyword
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

#: The module name of the user's folder, see `nightdesk.own`.
OWN_PACKAGE = "nightdesk.own"


def is_module_name(stem: str) -> bool:
    """Whether a file of that name can be imported."""
    return stem.isidentifier() and not keyword.iskeyword(stem)


def digest_of_file(path: Path) -> str:
    """SHA-256, hexadecimal, over a file (or the package of an ``__init__.py``) and what it imports beside it.

    Files that it reads while it runs are not part of it, nor are packages that it imports.

    Raises
    ------
    OSError, SyntaxError
        When one of them cannot be read.
    """
    folder = path.parent.parent if path.name == "__init__.py" else path.parent
    return _digest(folder, _with_imports(folder, path))


def digest_of_package(module: str) -> str:
    """SHA-256, hexadecimal, over the Python files of the top-level package that holds a module.

    Raises
    ------
    Refused
        Where nothing of that name is installed: `ModuleNotFoundError` says so.
    """
    top = module.partition(".")[0]
    spec = find_spec(top)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {top!r}")
    folders = [Path(one) for one in spec.submodule_search_locations or ()]
    if folders:
        return _digest(folders[0].parent, (one for folder in folders for one in folder.rglob("*.py")))
    file = Path(str(spec.origin))
    return _digest(file.parent, [file])


def _digest(folder: Path, files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(set(files)):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _with_imports(folder: Path, first: Path) -> set[Path]:
    found: set[Path] = set()
    waiting = [first]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        if path.name == "__init__.py":
            waiting += path.parent.rglob("*.py")
        for stem in _own_imports(path):
            waiting += [
                one for one in (folder / f"{stem}.py", folder / stem / "__init__.py") if one.is_file()
            ]
    return found


def _own_imports(path: Path) -> Iterator[str]:
    """The names in the user's folder that a file imports."""
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            # a file's own level is the user's folder
            start = OWN_PACKAGE if node.level else ""
            base = ".".join(filter(None, (start, node.module)))
            names = [base, *(f"{base}.{one.name}" for one in node.names)]
        for name in names:
            if name.startswith(f"{OWN_PACKAGE}."):
                yield name.removeprefix(f"{OWN_PACKAGE}.").partition(".")[0]
