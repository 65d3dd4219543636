"""Audits of a whole book: whether a decision looks ahead, and how much history it needs."""
