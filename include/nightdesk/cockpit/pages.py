"""Every page and action of the cockpit, by the routers that serve them, in the order of the navigation."""

from __future__ import annotations

from nightdesk.cockpit import (
    action_pages,
    book_page,
    decision_page,
    overview_page,
    risk_page,
    run_page,
    session_view_page,
    trace_page,
)

ROUTERS = (
    overview_page.router,
    book_page.router,
    decision_page.router,
    trace_page.router,
    risk_page.router,
    session_view_page.router,
    run_page.router,
    action_pages.router,
)
