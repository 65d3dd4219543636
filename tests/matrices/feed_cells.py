"""Lets one fault of a vendor's service meet a desk, and looks at what the desk did."""

from __future__ import annotations

import contextlib
import io
import logging
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.fakes.loopback import Bad
from tests.fakes.scripted import Asked, Spoil
from tests.matrices.faulting import Cell
from tests.matrices.feed_faults import FeedFault, Good, LaidFault
from tests.matrices.feed_scenes import FeedScene, NewsScene

from nightdesk.core.errors import Refused, Transient
from nightdesk.feeds.source_fault import ATTEMPTS, LONGEST_WAIT_SECONDS

#: Seconds that a cell may take; and that the desk may have waited in it, had nobody hurried it.
MOST_SECONDS = 60.0
MOST_WAITED = 8 * ATTEMPTS * LONGEST_WAIT_SECONDS

#: Every outcome of a cell, and what it means.
LEGEND = {
    "own": "the vendor's own bars (headlines) are stored",
    "asked again, own": "so, after it was asked more often than in a good run",
    "second": "those of the next source are stored",
    "missing, told": "none are stored; a finding, an alert and the notes of the ingest say so",
    "none": "there is no headline of the symbol, or no new fact, which is no fault",
    "failed, told": "of headlines and facts: the step says in its counts, and an alert, that it failed",
    "Transient": "the step failed with a reason, Airflow tries it again; well again, it went through",
    "Refused": "the step failed with a reason and is not tried again; corrected, it went through",
    "–": "this vendor cannot answer so, or the answer was no worse for it",
}


@dataclass
class Attempt:
    """What ingest and quality did."""

    counts: dict[str, int | str] = field(default_factory=dict)
    error: Exception | None = None
    words: str = ""
    seconds: float = 0.0


def try_feed_cell(scene: FeedScene, fault: FeedFault, *, service: bool, once: bool = False) -> Cell:
    """One cell of the matrix.

    Parameters
    ----------
    scene : FeedScene
        The column, with or without a second source.
    fault : FeedFault
        The row.
    service : bool
        Whether every answer is bad, not only those of one symbol.
    once : bool
        Whether only the first of them is.
    """
    vendor, trouble = scene.vendor, fault.make()
    if (trouble.short_pages and not vendor.pages) or fault.name in vendor.nothing:
        return Cell("–")
    scene.restore()
    environ = _lay(scene, trouble, "/" if service else vendor.where(scene.symbol), once=once)
    if environ is None:
        return Cell("–")
    with scene.world(environ, late=trouble.late):
        tried = _attempt(scene)
    if not trouble.met:
        return Cell("–")
    # Headlines of all symbols come in one answer.
    together = service or (scene.together and not trouble.unknown)
    faulty = scene.awaited() if together else (scene.symbol,)
    wrong = _wrong(scene, tried, trouble, faulty)
    words = _words(scene, tried, faulty)
    if tried.error is not None or "missing" in words or "failed" in words:
        wrong += _healed(scene)
    return Cell(words, tuple(wrong))


def _lay(scene: FeedScene, trouble: LaidFault, where: str, *, once: bool) -> dict[str, str] | None:
    """Lay a trouble at the vendor; the environment, None where it is as ever though it should differ."""
    environ = trouble.environ(scene.server.environ)
    if trouble.spoil is None:
        if environ == scene.server.environ and not trouble.unknown:
            return None
        trouble.met = 1
    if trouble.short_pages:
        scene.server.rows_a_page = scene.short_page
    trouble.changed = lambda: _change(scene, trouble)
    scene.serve(without=scene.symbol if trouble.unknown else None, ahead=trouble.ahead)
    if trouble.spoil is not None:
        (scene.server.script if once else scene.server.always)(where, _counting(trouble, trouble.spoil))
    return environ


def _change(scene: FeedScene, trouble: LaidFault) -> None:
    scene.serve(other=True)
    trouble.rows_changed = True
    trouble.met += 1


def _counting(trouble: LaidFault, spoil: Spoil) -> Spoil:
    """The same, counting the answers that it changes."""

    def answer(asked: Asked, good: Good) -> Bad:
        well = good(asked)
        given = spoil(asked, good)
        trouble.met += given != well
        return given

    return answer


@contextlib.contextmanager
def _listening() -> Iterator[io.StringIO]:
    """All that is logged or printed."""
    heard, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(heard), root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        with contextlib.redirect_stdout(heard), contextlib.redirect_stderr(heard):
            yield heard
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def _attempt(scene: FeedScene) -> Attempt:
    tried, began = Attempt(), time.monotonic()
    with _listening() as heard:
        try:
            tried.counts = scene.step("ingest", scene.then)
            scene.step("quality", scene.then)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is to be shown)
            tried.error = error
    tried.seconds = time.monotonic() - began
    shown = "" if tried.error is None else "".join(traceback.format_exception(tried.error))
    tried.words = f"{heard.getvalue()}\n{shown}\n{tried.counts}"
    return tried


def _wrong(scene: FeedScene, tried: Attempt, trouble: LaidFault, faulty: tuple[str, ...]) -> list[str]:
    """All that a desk never does."""
    wrong = [*scene.invented(trouble.rows_changed), *scene.halved()]
    if tried.error is not None and not isinstance(tried.error, Transient | Refused):
        wrong.append(f"an error that is none of the desk's: {type(tried.error).__name__}: {tried.error}")
    if tried.error is not None:
        wrong += _left_behind(scene)
        if scene.second or scene.beside:
            wrong.append(f"the step failed though there is a good source: {tried.error}")
    else:
        wrong += _untold(scene, tried, trouble)
    missing = [one for one in scene.awaited() if one not in scene.found()]
    if scene.second and missing and not (scene.beside and trouble.unknown):
        wrong.append(f"the good second source was not asked for {', '.join(missing)}")
    strange = [one for one in missing if one not in faulty]
    if strange and tried.error is None:
        wrong.append(f"the fault cost other symbols: {', '.join(strange)}")
    shown = f"{tried.words}\n{scene.rows.text(scene.conn)}"
    for secret in scene.vendor.secrets(scene.server):
        if secret in shown or f"wrong-{secret[::-1]}" in shown:
            wrong.append("a key or secret shows in an error, a log or a table")
    if tried.seconds > MOST_SECONDS or sum(scene.waits) > MOST_WAITED:
        wrong.append(f"it took {tried.seconds:.0f} s and would have waited {sum(scene.waits):.0f} s")
    return wrong


def _left_behind(scene: FeedScene) -> list[str]:
    """What a step that failed at its ingest must not have written."""
    done = scene.all_of(
        "SELECT known_by FROM nightdesk.runs WHERE as_of = %s AND known_by IS NOT NULL", scene.then
    )
    checked = scene.all_of("SELECT FROM nightdesk.quality_runs WHERE as_of = %s", scene.then)
    if done and checked:
        return []  # the checks stopped it, with their findings
    return ["a failed ingest has said what the decision knows"] * bool(done)


def _untold(scene: FeedScene, tried: Attempt, trouble: LaidFault) -> list[str]:
    """Symbols without a bar of which nobody is told, and a source that failed in silence."""
    alerts = "\n".join(
        f"{subject}\n{body}" for subject, body in scene.all_of("SELECT subject, body FROM nightdesk.alerts")
    )
    found = scene.found()
    if scene.beside:
        # That there is no headline of a symbol, and no new fact, is no fault.
        failed = any(one not in found for one in scene.awaited()) and not trouble.unknown
        said = scene.vendor.feed.partition(":")[0] in alerts
        untold = failed and not (_says_failed(tried) and said) and not scene.second
        return ["what comes beside the bars did not come, and nobody was told"] * untold
    findings = {
        symbol
        for (symbol,) in scene.all_of(
            "SELECT symbol FROM nightdesk.quality_runs WHERE as_of = %s AND outcome <> 'pass'", scene.then
        )
    }
    return [
        f"nobody was told that {one} has no bar"
        for one in scene.awaited()
        if one not in found and (one not in findings or one not in alerts)
    ]


def _says_failed(tried: Attempt) -> bool:
    """Whether the counts of the step say that a source beside the bars gave nothing."""
    return not {"news_failed", "facts_failed", "missing_facts"}.isdisjoint(tried.counts)


def _words(scene: FeedScene, tried: Attempt, faulty: tuple[str, ...]) -> str:
    """What the desk did, as `LEGEND` has it."""
    if tried.error is not None:
        return "Transient" if isinstance(tried.error, Transient) else "Refused"
    found = scene.found()
    sources = {found.get(one) for one in faulty}
    if isinstance(scene, NewsScene) and sources != {scene.vendor.feed}:
        return "failed, told" if _says_failed(tried) else "none"
    if scene.beside and None in sources:
        return "failed, told" if _says_failed(tried) else "none"
    if sources == {scene.vendor.feed}:
        return "asked again, own" if scene.waits else "own"
    if None in sources:
        return "missing, told"
    return "second" if scene.vendor.feed not in sources else "partly second"


def _healed(scene: FeedScene) -> list[str]:
    """Run the steps again with a vendor that is well: everything is its own then."""
    scene.server.heal()
    if scene.long_page:
        scene.server.rows_a_page = scene.long_page
    scene.serve()
    # A minute passes for the circuit.
    scene.all_of(
        "UPDATE nightdesk.feed_health SET opened_at = opened_at - interval '2 minutes' RETURNING source"
    )
    with scene.world(scene.server.environ):
        tried = _attempt(scene)
    if tried.error is not None:
        return [f"it fails though all is well again: {tried.error}"]
    lost = [one for one in scene.awaited() if one not in scene.found()]
    return [f"well again, there is nothing of {', '.join(lost)}"] * bool(lost)
