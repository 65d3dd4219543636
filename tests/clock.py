"""The database's clock, set by a test: the desk reads no other one.

``SELECT clock_timestamp()`` finds the first function of that name on the search path. A test puts a schema of
its own before PostgreSQL's. Defaults of columns were bound when the tables were made and keep the true time.
"""

from datetime import datetime

from tests.conftest import open_connection

from nightdesk.store.db import one

_SCHEMA = """
CREATE SCHEMA IF NOT EXISTS test_clock;
CREATE TABLE IF NOT EXISTS test_clock.set_to (at timestamptz, told timestamptz);
CREATE OR REPLACE FUNCTION test_clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    'SELECT at + (pg_catalog.clock_timestamp() - told) FROM test_clock.set_to';
GRANT USAGE ON SCHEMA test_clock TO PUBLIC;
GRANT SELECT ON test_clock.set_to TO PUBLIC;
"""


def set_clock(url: str, at: datetime) -> None:
    """Let the clock of the database at `url` show `at` now, and go on from there.

    Connections that are opened after the first call see it.
    """
    with open_connection(url) as conn, conn.cursor() as cursor:
        cursor.execute("SELECT current_setting('search_path') LIKE 'test_clock%', current_database()")
        is_there, name = one(cursor)
        if not is_there:
            cursor.execute(_SCHEMA)
            cursor.execute(
                f'ALTER DATABASE "{name}" SET search_path = test_clock, pg_catalog, "$user", public'
            )
        cursor.execute(
            "DELETE FROM test_clock.set_to; "
            "INSERT INTO test_clock.set_to VALUES (%s, pg_catalog.clock_timestamp())",
            (at,),
        )
