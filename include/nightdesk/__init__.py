"""Nightdesk: a trading desk that works after the close."""
