"""The mails of a session, a week and a month, as plain text and as HTML for mail programs.

The HTML is tables with a style on each element, 600 pixels wide at most, with no address but links; its
pictures travel with it. The same facts give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from nightdesk.alerts import figures
from nightdesk.alerts.chart import nice_ticks
from nightdesk.alerts.line_picture import BLUE, HEIGHT, MARGIN, RED, line_png
from nightdesk.alerts.mail_lines import DailyMail, MailLinks, PeriodMail, UndecidedMail
from nightdesk.alerts.page_templates import counted, short, templates
from nightdesk.alerts.position_lines import HoldingLine, by_symbol
from nightdesk.alerts.session_page import NavPoint, SourceLine, headline
from nightdesk.core.masking import lines_only, mask, one_line
from nightdesk.store.mail_rows import MailKind, StoredMail

#: Gmail cuts a message off at 102 KB of HTML; a mail ends well before, its last words included.
MOST_BYTES = 96_000

#: How many positions, lines of another table and characters of a reason are shown: the first with which a
#: mail fits. Reasons are shortened first, positions last.
_FITS = (
    *((100, 40, 280), (100, 40, 140), (100, 30, 100), (100, 20, 100), (100, 12, 80), (100, 8, 80)),
    *((50, 8, 80), (25, 5, 60), (10, 3, 40)),
)

LONGEST_SUBJECT = 200


@dataclass(frozen=True)
class Curve:
    """A picture with what stands beside it.

    `name` is that of the picture in the mail, `labels` are (text, pixels, place) of the rows beside it from
    the top down, `height` its own in pixels, `summary` the words in its place.
    """

    name: str
    title: str
    png: bytes
    labels: tuple[tuple[str, int, str], ...]
    height: int
    first: date
    last: date
    summary: str


def daily_mail(mail: DailyMail) -> StoredMail:
    """The mail of a decided session."""
    page = mail.page
    said = headline(page)
    return _written(
        "daily",
        mail,
        page.book,
        page.session,
        page.as_of,
        f"{page.book} {page.session}: {said}",
        _daily_summary(mail, said),
        _curves(page.history),
        page=page,
        headline=said,
        holdings=by_symbol(page.positions),
        footer=(
            f"Session {page.session} of book {page.book}, decided with what was known by "
            f"{figures.instant(page.known_by, page.zone)}. Money in US dollars."
        ),
    )


def undecided_mail(mail: UndecidedMail) -> StoredMail:
    """The mail of a session that was not decided, or not yet."""
    return _written(
        "daily",
        mail,
        mail.book,
        mail.session,
        mail.as_of,
        f"{mail.book} {mail.session}: not decided",
        mail.standing,
        (),
        todo=(
            "Put right what the first failed step says, then clear its task in Airflow, or run "
            f"`nightdesk run {mail.book} --session {mail.session}`. Later sessions wait for this one."
        ),
        footer=f"Session {mail.session} of book {mail.book}. Money in US dollars.",
    )


def period_mail(mail: PeriodMail) -> StoredMail:
    """The mail of a week or month."""
    word = {"gain": "Up", "loss": "Down", "flat": "Unchanged"}[figures.tone(mail.profit)]
    change = "" if word == "Unchanged" else f" {figures.money(abs(mail.profit))}"
    share = figures.percent(mail.period_return, signed=True)
    said = (
        f"{word}{change} ({share}) to {figures.money(mail.last.nav)} in {counted(len(mail.days), 'session')}."
    )
    summary = (
        f"{said}\nBest {figures.percent(mail.best.day_return, signed=True)} on {mail.best.session}, worst "
        f"{figures.percent(mail.worst.day_return, signed=True)} on {mail.worst.session}; "
        f"{counted(mail.trades, 'trade')}, fees {figures.money(mail.fees)}; drawdown "
        f"{figures.percent(mail.last.drawdown)}."
    )
    return _written(
        mail.kind,
        mail,
        mail.book,
        mail.last.session,
        mail.as_of,
        f"{mail.book} {mail.name}: {said}",
        summary,
        _curves(mail.path),
        headline=said,
        footer=f"Sessions {mail.days[0].session} to {mail.last.session} of {mail.book}. Money in US dollars.",
    )


def web_links(base: str, book: str, as_of: datetime, task: str | None) -> MailLinks:
    """Where a session's page and its run are in the web UI at `base`; none without an address of the web.

    Parameters
    ----------
    base : str
        Airflow's own address of its web UI (``AIRFLOW__API__BASE_URL``); may be empty.
    book : str
        Name of the book.
    as_of : datetime
        The decision.
    task : str or None
        A task of its run, as ``DAG/run/task/try``.
    """
    from urllib.parse import quote, urlsplit

    parts = urlsplit(base.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        return MailLinks()
    root = base.strip().rstrip("/")
    dag, run, *_ = [*(task or "").split("/"), "", ""]
    return MailLinks(
        f"{root}/cockpit/books/{quote(book, safe='')}/session?as_of={quote(as_of.isoformat(), safe='')}",
        f"{root}/dags/{quote(dag, safe='')}/runs/{quote(run)}" if dag and run else "",
    )


def _written(
    kind: MailKind,
    mail: DailyMail | UndecidedMail | PeriodMail,
    book: str,
    session: date,
    as_of: datetime,
    subject: str,
    summary: str,
    curves: tuple[Curve, ...],
    **said: Any,
) -> StoredMail:
    """A mail by its templates, with as many lines as fit."""
    subject = short(one_line(mask(subject)), LONGEST_SUBJECT)
    name = {UndecidedMail: "mail_undecided", PeriodMail: "mail_period"}.get(type(mail), "mail_daily")
    known: dict[str, Any] = {
        "mail": mail,
        "curves": curves,
        "subject": subject,
        "preview": summary.partition("\n")[0],
        "left_out": _left_out,
        "held_words": _held_words,
        "source_words": _source_words,
        **said,
    }
    html = body = ""
    for held, most, longest in _FITS:
        shown = {**known, "held": held, "most": most, "longest": longest}
        html, body = _clean(f"{name}.html.j2", shown), _clean(f"{name}.txt.j2", shown)
        if len(html.encode()) <= MOST_BYTES:
            break
    pictures = {one.name: one.png for one in curves}
    return StoredMail(
        book, kind, session, as_of, subject, summary, body, html,
        pictures.get("equity"), pictures.get("drawdown"),
    )  # fmt: skip


def _clean(template: str, shown: Mapping[str, Any]) -> str:
    text = templates().get_template(template).render(shown)
    return mask(lines_only(text))


def _daily_summary(mail: DailyMail, said: str) -> str:
    """The session in a few lines, for a chat."""
    page = mail.page
    lines = [
        said,
        *(one.line for one in page.concerns[:5]),
        *(
            f"{one.strategy or 'no strategy'}: {figures.money(one.profit, signed=True)}"
            for one in page.earned[:5]
        ),
    ]
    rejected = len(page.verdicts) + len(page.dropped)
    lines.append(
        f"{counted(len(page.fills), 'trade')}, {rejected} cut, rejected or dropped; drawdown "
        f"{figures.percent(page.drawdown)}, exposure {figures.percent(page.gross, places=1)}"
    )
    lines += [
        f"{one.step} failed and {'came through' if one.came_through else 'did not come through'}"
        for one in mail.failed[:5]
    ]
    lines += [one for one in (mail.links.page,) if one]
    return "\n".join(one_line(mask(line)) for line in lines)


def _curves(path: Sequence[NavPoint]) -> tuple[Curve, ...]:
    """The equity curve and the drawdown; nothing with fewer than two marks."""
    if len(path) < 2:
        return ()
    sessions = [one.session for one in path]
    values = [float(one.nav) for one in path]
    falls = [-one.drawdown for one in path]
    return (
        _curve("equity", "Value of the book", sessions, values, lambda value: f"${value:,.0f}"),
        _curve("drawdown", "Drawdown", sessions, falls, figures.percent),
    )


def _curve(
    name: str, title: str, sessions: Sequence[date], values: Sequence[float], label: Callable[[float], str]
) -> Curve:
    hanging = name == "drawdown"
    ticks = nice_ticks(min(values), 0.0 if hanging else max(values))
    low, high = min(*values, ticks[0]), max(*values, ticks[-1])
    drawn = line_png(values, low, high, len(ticks), RED if hanging else BLUE, hanging=hanging)
    height, margin = HEIGHT // 2, MARGIN // 2
    step = (height - 2 * margin) / (len(ticks) - 1)
    rows = [round(margin + step / 2), *(round(step) for _ in ticks[2:]), round(margin + step / 2)]
    places = ["top", *("middle" for _ in ticks[2:]), "bottom"]
    written = [_tick(value, label) for value in reversed(ticks)]
    summary = (
        f"{title} from {sessions[0]} to {sessions[-1]}: first {label(values[0])}, last {label(values[-1])}, "
        f"lowest {label(min(values))}, highest {label(max(values))}"
    )
    labels = tuple(zip(written, rows, places, strict=True))
    return Curve(name, title, drawn, labels, height, sessions[0], sessions[-1], summary)


def _tick(value: float, label: Callable[[float], str]) -> str:
    """The figure of a line of the grid; the zero of a drawdown has no sign."""
    return label(value or 0.0)


def _held_words(line: HoldingLine) -> str:
    """How much of a symbol is held, at which price, and since when."""
    short = "short " if line.quantity < 0 else ""
    words = f"{short}{figures.quantity(abs(line.quantity))} at {figures.price(line.price)}"
    if line.average_cost is not None:
        words += f", cost {figures.price(round(line.average_cost, 2))}"
    oldest = line.oldest
    if oldest is not None and oldest.age is not None:
        words += f"; entered {oldest.entered}, {counted(oldest.age, 'session')} ago"
    return words


def _source_words(sources: Iterable[SourceLine]) -> str:
    return "; ".join(
        f"{one.source} ({counted(one.bars, 'bar')}, {one.status}{f': {one.words}' if one.words else ''})"
        for one in sources
    )


def _left_out(number: int, what: str) -> str:
    return f"{number:,} more {what}: the page of the session shows all."
