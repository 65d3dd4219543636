"""The vendors of facts by name, and the sample market.

Importing this module is light: each is imported when it is made.
"""

from __future__ import annotations

from collections.abc import Mapping

from nightdesk.feeds.fact_feed import FACT_SOURCES, Clock, FactFeed


def _fred(argument: str, environ: Mapping[str, str] | None, now: Clock) -> FactFeed:
    from nightdesk.feeds.fred import FredFacts

    return FredFacts(environ=environ, now=now)


def _cftc(argument: str, environ: Mapping[str, str] | None, now: Clock) -> FactFeed:
    from nightdesk.feeds.cftc import CftcFacts

    return CftcFacts(environ=environ, now=now)


def _cftc_combined(argument: str, environ: Mapping[str, str] | None, now: Clock) -> FactFeed:
    from nightdesk.feeds.cftc import CombinedCftcFacts

    return CombinedCftcFacts(environ=environ, now=now)


def _alpha_vantage(argument: str, environ: Mapping[str, str] | None, now: Clock) -> FactFeed:
    from nightdesk.feeds.alpha_vantage import AlphaVantageFacts

    return AlphaVantageFacts(environ=environ, now=now)


def _polygon(argument: str, environ: Mapping[str, str] | None, now: Clock) -> FactFeed:
    from nightdesk.feeds.polygon_facts import PolygonFacts

    return PolygonFacts(environ=environ, now=now)


def _alpaca(argument: str, environ: Mapping[str, str] | None, now: Clock) -> FactFeed:
    from nightdesk.feeds.alpaca_facts import AlpacaFacts

    return AlpacaFacts(environ=environ, now=now)


def _sample(argument: str, environ: Mapping[str, str] | None, now: Clock) -> FactFeed:
    from nightdesk.feeds.sample_facts import SampleFacts

    return SampleFacts(environ=environ, now=now)


FACT_SOURCES.add("alpaca", _alpaca)
FACT_SOURCES.add("alpha_vantage", _alpha_vantage)
FACT_SOURCES.add("cftc", _cftc)
FACT_SOURCES.add("cftc_combined", _cftc_combined)
FACT_SOURCES.add("fred", _fred)
FACT_SOURCES.add("polygon", _polygon)
FACT_SOURCES.add("sample", _sample)
