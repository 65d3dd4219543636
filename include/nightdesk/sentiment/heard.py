"""A panel that has heard the news: the sentiment of its rows, and of the sessions behind hours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nightdesk.core.calendar import Calendar, Sessions
from nightdesk.core.panel import Panel
from nightdesk.sentiment.daily import Headlines, Instants, Sentiment, daily_sentiment


def with_sentiment(panel: Panel, headlines: Headlines, calendar: Calendar) -> tuple[Panel, Sentiment]:
    """The panel with what was said of its symbols up to each row, and that sentiment itself.

    A headline belongs to the first row whose instant, the close of a session or the end of an hour, is at or
    after its publication. What was published up to the close before the first session is left out.

    Parameters
    ----------
    panel : Panel
        Of hours it is the sessions behind them too that get theirs.
    headlines : Headlines
        Their `column` is one of the panel.
    calendar : Calendar
        Of the panel's sessions.

    Returns
    -------
    Panel
    Sentiment
        Of its rows.
    """
    days, hours = panel.days, panel.hours
    at = np.searchsorted(calendar.sessions, days.sessions)
    of_days = _gathered(headlines, calendar.closes[at], calendar, days.sessions, len(panel.symbols))
    if hours is None:
        return replace(panel, sentiment=of_days.mean), of_days
    own = _gathered(headlines, hours.instants, calendar, panel.sessions, len(panel.symbols))
    behind = replace(hours, days=replace(days, sentiment=of_days.mean))
    return replace(panel, sentiment=own.mean, hours=behind), own


def _gathered(
    headlines: Headlines, instants: Instants, calendar: Calendar, sessions: Sessions, width: int
) -> Sentiment:
    if not len(sessions):
        return daily_sentiment(headlines, instants, np.datetime64("NaT"), width)
    before = calendar.closes[np.searchsorted(calendar.sessions, sessions[0]) - 1]
    return daily_sentiment(
        headlines, instants.astype("datetime64[us]"), before.astype("datetime64[us]"), width
    )
