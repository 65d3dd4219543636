"""The desk's own figures for Prometheus: read from the store when they are asked for."""
