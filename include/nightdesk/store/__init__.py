"""PostgreSQL: the one room that reads and writes tables."""
