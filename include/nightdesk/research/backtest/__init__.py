"""The backtest: a book over history, through the functions of its daily run."""
