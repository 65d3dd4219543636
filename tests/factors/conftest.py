"""The real market, laid out once for all tests of factors."""

from pathlib import Path

import pytest
from tests.factors.panels import market_panel

from nightdesk.core.panel import Panel


@pytest.fixture(scope="session")
def real_panel(market: Path) -> Panel:
    """Fifteen symbols and VIX over 2005 to 2022."""
    return market_panel(market)
