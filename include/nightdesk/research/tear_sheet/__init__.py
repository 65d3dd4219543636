"""The tear sheet: a backtest on one page that needs nothing beside itself."""
