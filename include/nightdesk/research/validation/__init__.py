"""LuckVerdict: whether a result of many tries is more than luck."""
