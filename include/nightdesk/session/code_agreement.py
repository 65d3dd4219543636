"""One decision, one code: whoever works with older code than the desk's is refused, in words.

Tasks of one decision may run on several machines, and one of them may have been forgotten at an upgrade. The
desk's code is the version that `nightdesk db migrate` or `nightdesk up` announced last, or that was first
seen at work last: an edit in place is the desk's code from its first step on. A schema that newer code has
migrated refuses older code before it comes to this.
"""

from __future__ import annotations

import socket

from nightdesk.core.errors import Refused, Transient
from nightdesk.session.context import Context
from nightdesk.store.code_rows import first_seen_code, package_of
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.run_rows import OpenAttempt, sealed_because
from nightdesk.version import is_older

#: The step that begins a decision anew: it says by which code it is decided.
FIRST = "ingest"


class OlderCode(Transient):
    """The process works with code that is not the desk's any more: another worker may do the same well."""


def agree_on_code(context: Context, attempt: OpenAttempt, step: str) -> None:
    """Make sure that an attempt works with the desk's code, and with that of the steps before it.

    A decision that is sealed is only compared, and what is left of one whose orders were sent is brought to
    its end, by whatever newer code.

    Raises
    ------
    OlderCode
        When the process has older code than the desk, or other plug-ins than the steps before it: on another
        worker the same may go well. A person is told once a machine and version.
    Refused
        When newer code would go on with what older code began.
    """
    own = context.new_run().code_version
    package = package_of(own)
    code = attempt.code
    if is_older(package, code.current, is_known=code.is_known):
        _refuse_older(context, package, f"{code.current}")
    if not code.is_known:
        first_seen_code(context.conn, package)
    begun_by = attempt.run.code_version
    if step == FIRST or attempt.run.known_by is None or begun_by == own:
        return
    if sealed_because(context.conn, attempt.run.book, attempt.run.as_of) is not None:
        return
    found = f"{context.book.name} {context.name} was begun by code {begun_by}, and {_here()} has {own}"
    if package_of(begun_by) == package:
        raise OlderCode(
            f"{found}: the same package with other plug-ins. Give every worker the same plug-ins; where "
            "it is this one that is right, run the session again from its ingest step on"
        )
    raise Refused(f"{found}, the desk's: run the session again from its ingest step on")


def _refuse_older(context: Context, own: str, current: str) -> None:
    words = f"{_here()} works with code {own}, and the desk's is {current}"
    what = (
        f"{words}: nothing was done, and the step is tried again, on another worker where there is one. "
        "Bring this machine's code up to date and start its worker again. Where its code is the right one, "
        "`nightdesk db migrate` there makes it the desk's"
    )
    if not context.rehearsing:
        raise_alert(
            context.conn,
            f"code {_here()} {own} {current}",
            "WARNING",
            f"{_here()} works with older code, which is refused",
            f"{context.book.name} {context.name}: {what}.",
            book=context.book.name,
            session=context.session,
        )
    raise OlderCode(f"{context.book.name} {context.name}: {what}")


def _here() -> str:
    return f"the machine {socket.gethostname()}"
