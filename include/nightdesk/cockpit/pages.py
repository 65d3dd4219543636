"""Every page and action of the cockpit, by the routers that serve them, in the order of the navigation."""

from __future__ import annotations

from nightdesk.cockpit import action_pages, overview_page

ROUTERS = (overview_page.router, action_pages.router)
