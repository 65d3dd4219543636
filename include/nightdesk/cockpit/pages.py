"""Every page and action of the cockpit, by the routers that serve them, in the order of the navigation."""

from __future__ import annotations

from nightdesk.cockpit import (
    action_pages,
    alerts_page,
    approvals_page,
    backtests_page,
    bar_versions_page,
    book_page,
    data_page,
    decision_page,
    orders_page,
    overview_page,
    pairs_page,
    right_page,
    risk_page,
    run_page,
    screen_page,
    session_view_page,
    settings_page,
    symbol_page,
    trace_page,
)

ROUTERS = (
    overview_page.router,
    book_page.router,
    decision_page.router,
    trace_page.router,
    orders_page.router,
    risk_page.router,
    screen_page.router,
    pairs_page.router,
    right_page.router,
    session_view_page.router,
    run_page.router,
    symbol_page.router,
    data_page.router,
    bar_versions_page.router,
    alerts_page.router,
    approvals_page.router,
    backtests_page.router,
    settings_page.router,
    action_pages.router,
)
