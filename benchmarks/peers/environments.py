"""An environment for each engine, made by one command and kept as long as its pins stand."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from nightdesk.core.errors import Refused

ROOT = Path(__file__).resolve().parents[2]
ENGINES = Path(__file__).parent / "engines"
FOLDER = ROOT / ".nightdesk" / "peers"


@dataclass(frozen=True)
class Peer:
    """An engine: its name, what is installed for it, and what one must know of its fills."""

    name: str
    pins: tuple[str, ...]
    fills: str = "same bar"

    @property
    def script(self) -> Path:
        """What is run on a task."""
        return ENGINES / f"on_{self.name}.py"


PEERS = (
    Peer("vectorbt", ("vectorbt==1.2.0",)),
    Peer("bt", ("bt==1.4.1",)),
    Peer("backtrader", ("backtrader==1.9.78.123", "numpy==2.5.5")),
    Peer("nautilus", ("nautilus-trader==1.231.0", "numpy==2.5.5"), "same bar, sizes to six digits"),
    Peer("zipline", ("zipline-reloaded==3.2.1",), "next bar, whole shares"),
)


def python_of(peer: Peer) -> Path:
    """The interpreter of an engine's environment, which is made where it does not stand.

    Raises
    ------
    Refused
        When what the engine needs cannot be installed, with what the installer said last.
    """
    folder = FOLDER / peer.name
    python, stamp = folder / "bin" / "python", folder / "pins"
    wanted = "\n".join(peer.pins)
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"making the environment of {peer.name}", file=sys.stderr)
    uv = [sys.executable, "-m", "uv"]
    _install([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], peer)
    _install(
        [*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), *peer.pins], peer
    )
    stamp.write_text(wanted)
    return python


def _install(command: list[str], peer: Peer) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise Refused(
            f"{peer.name}: {' '.join(peer.pins)} cannot be installed here: {last}. The other engines are "
            f"measured without it; name those that are wanted by --only"
        )
