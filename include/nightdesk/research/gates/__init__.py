"""The criteria of the stages on a book's way to real money."""
