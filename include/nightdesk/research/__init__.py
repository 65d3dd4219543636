"""History driven through the functions of the daily run."""
