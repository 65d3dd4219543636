#!/bin/sh
# Runs once, when the PostgreSQL container makes its data folder: a database and a role each for Airflow and the desk.
set -eu
for name in airflow nightdesk; do
    psql --username "$POSTGRES_USER" --set=ON_ERROR_STOP=1 --set=name="$name" --set=password="$POSTGRES_PASSWORD" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
SQL
done
