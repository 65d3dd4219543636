"""The parameter sweep: one backtest for each point of a grid."""
