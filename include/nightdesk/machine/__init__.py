"""The desk's own machine: where state lives, the embedded PostgreSQL and the Airflow processes."""
