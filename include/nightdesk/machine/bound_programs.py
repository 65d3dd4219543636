"""Programs that the desk starts and waits for: they end when it is killed, and do not go on alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

#: `prctl(PR_SET_PDEATHSIG, SIGTERM)` of Linux, then the program in the same process. Done by a program of its
#: own, since Python between fork and exec may wait for ever for a lock of another thread. A starter that
#: died before the call sends no signal any more: it is seen by its number.
_LAUNCH = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None).prctl(1, 15)\n"
    "if os.getppid() != int(sys.argv[1]):\n"
    "    sys.exit('its starter has ended')\n"
    "os.execv(sys.argv[2], sys.argv[2:])\n"
)


def bound(command: Sequence[str]) -> list[str]:
    """A command whose program is asked to end (SIGTERM) when the thread that starts it ends.

    Parameters
    ----------
    command : sequence of str
        The path of a program, and its arguments.

    Returns
    -------
    list of str
        What to start instead; the process keeps its number. Where the system is no Linux: the same command,
        and the program ends when it sees that nobody reads it or writes to it.
    """
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), *command]
