"""The desk's walk beside other backtest engines, each in an environment of its own; never part of CI.

``python -m benchmarks.peers`` makes the environments under ``.nightdesk/peers`` and measures every engine on
the same closes: 15 × 1,260 and 500 × 2,520, with the threshold of 2 % and with none. Every engine is given
the same target weights, so that none is measured by its indicators.
"""
