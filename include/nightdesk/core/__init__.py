"""The ground that every room stands on: book, calendar, panel, money, errors."""
