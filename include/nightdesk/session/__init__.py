"""The steps of a decision: load, decide (pure), save in one transaction; a function a task."""
