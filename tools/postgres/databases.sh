#!/bin/sh
# Runs once, when the PostgreSQL container makes its data folder: the databases of Airflow and the desk, a user for
# Airflow, and one for each role of the desk. Running it again, in a container of before, is harmless and sets the
# passwords: `docker compose exec postgres sh /docker-entrypoint-initdb.d/databases.sh`.
set -eu
roles=${ROLES_FOLDER:-/nightdesk/roles}

ask() {
    psql --quiet --username "$POSTGRES_USER" --set=ON_ERROR_STOP=1 "$@"
}

user() { # user NAME PASSWORD
    ask --dbname postgres --set=name="$1" --set=password="$2" <<'SQL'
SELECT format('CREATE ROLE %I', :'name') WHERE to_regrole(quote_ident(:'name')) IS NULL \gexec
ALTER ROLE :"name" LOGIN PASSWORD :'password';
SQL
}

database() { # database NAME OWNER
    ask --dbname postgres --set=name="$1" --set=owner="$2" <<'SQL'
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'owner')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
SQL
}

user airflow "$AIRFLOW_DATABASE_PASSWORD"
database airflow airflow
database nightdesk "$POSTGRES_USER"
ask --dbname nightdesk --file "$roles/groups.sql" --file "$roles/ownership.sql"
user desk_owner "$NIGHTDESK_OWNER_PASSWORD"
user desk_writer "$NIGHTDESK_WRITER_PASSWORD"
user desk_reader "$NIGHTDESK_READER_PASSWORD"
ask --dbname nightdesk --command "GRANT nightdesk_owner TO desk_owner" \
    --command "GRANT nightdesk_writer TO desk_writer" --command "GRANT nightdesk_reader TO desk_reader"
