"""The pipeline: the steps of a session, each one load, decide (pure), save in one transaction."""
