"""Every page and action of the cockpit, by the routers that serve them, in the order of the navigation."""

from __future__ import annotations

from nightdesk.cockpit import (
    action_pages,
    alerts_page,
    approvals_page,
    bar_versions_page,
    data_page,
    orders_page,
    overview_page,
    settings_page,
    symbol_page,
)

ROUTERS = (
    overview_page.router,
    action_pages.router,
    orders_page.router,
    symbol_page.router,
    bar_versions_page.router,
    data_page.router,
    alerts_page.router,
    approvals_page.router,
    settings_page.router,
)
