"""The stress test: a book over bad times."""
