-- Bars, corporate actions and what is known of them.

-- name: name_symbols
INSERT INTO nightdesk.symbols (symbol)
SELECT wanted FROM unnest(%(symbols)s::text[]) AS wanted
WHERE NOT EXISTS (SELECT FROM nightdesk.symbols WHERE symbol = wanted)
ORDER BY wanted;

-- name: symbol_numbers
SELECT symbol, symbol_id FROM nightdesk.symbols WHERE symbol = ANY(%(symbols)s::text[]);

-- name: first_told
SELECT min(session) AS first FROM nightdesk.bars JOIN nightdesk.symbols USING (symbol_id)
WHERE symbol = %(symbol)s AND superseded_at IS NULL AND source <> ALL (%(beside)s::text[]);

-- name: stored_days
SELECT symbol, first, last
FROM nightdesk.symbols, LATERAL (
    SELECT min(session) AS first, max(session) AS last
    FROM nightdesk.bars
    WHERE bars.symbol_id = symbols.symbol_id AND superseded_at IS NULL
) AS span
WHERE symbol = ANY(%(symbols)s::text[]) AND first IS NOT NULL;

-- name: stage_bars
-- Bars that take the place of stored ones; all others are written without a table in between.
DROP TABLE IF EXISTS pg_temp.incoming_bars;
CREATE TEMPORARY TABLE incoming_bars (
    symbol_id integer, session date, source_code smallint,
    open double precision, high double precision, low double precision, close double precision,
    volume double precision
) ON COMMIT DROP;

-- name: supersede_bars
-- A version that took another's place is known from that moment on. It comes after the first one even where the
-- clock was set back in between. Gives the count of what was written.
WITH superseded AS (
    UPDATE nightdesk.bars AS held
    SET superseded_at = greatest(%(at)s, held.known_at + interval '1 microsecond'),
        version = 1 + (
            SELECT max(version) FROM nightdesk.bars AS older
            WHERE older.symbol_id = held.symbol_id AND older.session = held.session
        )
    FROM incoming_bars AS fresh
    WHERE held.version = 0 AND held.symbol_id = fresh.symbol_id AND held.session = fresh.session
    RETURNING held.symbol_id, held.session, held.superseded_at
), written AS (
    INSERT INTO nightdesk.bars (symbol_id, session, known_at, source, open, high, low, close, volume)
    SELECT symbol_id, session, superseded_at, (%(sources)s::text[])[source_code + 1], open, high, low, close, volume
    FROM superseded JOIN incoming_bars AS fresh USING (symbol_id, session)
    RETURNING 1
)
SELECT count(*) FROM written;

-- name: make_months_of_hours
SELECT nightdesk.make_months_of_hours(%(first)s, %(last)s);

-- name: stored_hours
SELECT symbol, first, last
FROM nightdesk.symbols, LATERAL (
    SELECT min(bar_end) AS first, max(bar_end) AS last
    FROM nightdesk.bars_hourly AS held
    WHERE held.symbol_id = symbols.symbol_id AND superseded_at IS NULL
) AS span
WHERE symbol = ANY(%(symbols)s::text[]) AND first IS NOT NULL;

-- name: stage_hours
DROP TABLE IF EXISTS pg_temp.incoming_hours;
CREATE TEMPORARY TABLE incoming_hours (
    symbol_id integer, bar_end timestamptz, known_at timestamptz, source_code smallint,
    open double precision, high double precision, low double precision, close double precision,
    volume double precision
) ON COMMIT DROP;

-- name: supersede_hours
-- As of daily bars: what differs by rounding alone is the same.
WITH superseded AS (
    UPDATE nightdesk.bars_hourly AS held
    SET superseded_at = greatest(%(at)s, held.known_at + interval '1 microsecond')
    FROM incoming_hours AS fresh
    WHERE held.superseded_at IS NULL AND held.bar_end BETWEEN %(first)s AND %(last)s
      AND held.symbol_id = fresh.symbol_id AND held.bar_end = fresh.bar_end
      AND (held.open, held.high, held.low, held.close, held.volume)
          IS DISTINCT FROM (fresh.open, fresh.high, fresh.low, fresh.close, fresh.volume)
      AND NOT (
          abs(held.open - fresh.open) <= 1e-6 * abs(held.open)
          AND abs(held.high - fresh.high) <= 1e-6 * abs(held.high)
          AND abs(held.low - fresh.low) <= 1e-6 * abs(held.low)
          AND abs(held.close - fresh.close) <= 1e-6 * abs(held.close)
          AND (held.volume IS NOT DISTINCT FROM fresh.volume
               OR abs(held.volume - fresh.volume) <= 1e-6 * least(abs(held.volume), abs(fresh.volume)))
      )
    RETURNING held.symbol_id, held.bar_end, held.superseded_at
)
UPDATE incoming_hours AS fresh SET known_at = superseded.superseded_at
FROM superseded
WHERE fresh.symbol_id = superseded.symbol_id AND fresh.bar_end = superseded.bar_end;

-- name: insert_hours
INSERT INTO nightdesk.bars_hourly (symbol_id, bar_end, known_at, source, open, high, low, close, volume)
SELECT symbol_id, bar_end, known_at, (%(sources)s::text[])[source_code + 1], open, high, low, close, volume
FROM incoming_hours AS fresh
WHERE NOT EXISTS (
    SELECT FROM nightdesk.bars_hourly AS held
    WHERE held.superseded_at IS NULL AND held.bar_end BETWEEN %(first)s AND %(last)s
      AND held.symbol_id = fresh.symbol_id AND held.bar_end = fresh.bar_end
);

-- name: panel_hours
-- Read by COPY: columns of fixed width, none of them null.
SELECT symbol_id, bar_end, open, high, low, close, volume
FROM nightdesk.bars_hourly
WHERE symbol_id = ANY(%(symbols)s::integer[]) AND bar_end > %(after)s AND bar_end <= %(until)s
  AND known_at <= %(known_by)s AND (superseded_at IS NULL OR superseded_at > %(known_by)s);

-- name: hour_versions
SELECT symbol, bar_end, known_at, superseded_at, source, open, high, low, close, volume
FROM nightdesk.bars_hourly JOIN nightdesk.symbols USING (symbol_id)
WHERE symbol = %(symbol)s AND bar_end = %(bar_end)s
ORDER BY known_at;

-- name: hours_changed
SELECT EXISTS (
    SELECT FROM nightdesk.bars_hourly JOIN nightdesk.symbols USING (symbol_id)
    WHERE symbol = ANY(%(symbols)s::text[]) AND bar_end > %(after)s AND bar_end <= %(until)s
      AND known_at > %(since)s
) AS changed;

-- name: stage_actions
DROP TABLE IF EXISTS pg_temp.incoming_actions;
CREATE TEMPORARY TABLE incoming_actions (
    symbol_id integer, session date, kind_code smallint, known_at timestamptz, source_code smallint,
    other_code integer, note_code integer, value double precision, cash double precision
) ON COMMIT DROP;

-- name: supersede_actions
-- What a person stated is not replaced by what a source gives, nor anything by what differs by rounding alone.
WITH superseded AS (
    UPDATE nightdesk.corporate_actions AS held
    SET superseded_at = greatest(%(at)s, held.known_at + interval '1 microsecond')
    FROM incoming_actions AS fresh
    WHERE held.superseded_at IS NULL AND (held.source <> 'person' OR (%(sources)s::text[])[fresh.source_code + 1] = 'person')
      AND held.symbol_id = fresh.symbol_id AND held.session = fresh.session
      AND held.kind = (%(kinds)s::text[])[fresh.kind_code + 1]
      AND (abs(held.value - fresh.value) > 1e-6 * abs(held.value)
           OR abs(held.cash - fresh.cash) > 1e-6 * abs(held.cash)
           OR held.other IS DISTINCT FROM (%(other_texts)s::text[])[fresh.other_code + 1])
    RETURNING held.symbol_id, held.session, held.kind, held.superseded_at
), stamped AS (
    UPDATE incoming_actions AS fresh SET known_at = superseded.superseded_at
    FROM superseded
    WHERE fresh.symbol_id = superseded.symbol_id AND fresh.session = superseded.session
      AND (%(kinds)s::text[])[fresh.kind_code + 1] = superseded.kind
    RETURNING 1
)
SELECT set_config('nightdesk.changed', count(*)::text, false) FROM stamped;

-- name: insert_actions
-- Gives the counts of the versions that were superseded, and of all that were written.
WITH written AS (
    INSERT INTO nightdesk.corporate_actions (symbol_id, session, kind, known_at, source, value, other, cash, note)
    SELECT symbol_id, session, (%(kinds)s::text[])[kind_code + 1], known_at, (%(sources)s::text[])[source_code + 1],
           value, (%(other_texts)s::text[])[other_code + 1], cash, (%(note_texts)s::text[])[note_code + 1]
    FROM incoming_actions AS fresh
    WHERE NOT EXISTS (
        SELECT FROM nightdesk.corporate_actions AS held
        WHERE held.superseded_at IS NULL AND held.symbol_id = fresh.symbol_id AND held.session = fresh.session
          AND held.kind = (%(kinds)s::text[])[fresh.kind_code + 1]
    )
    RETURNING 1
)
SELECT current_setting('nightdesk.changed')::integer, (SELECT count(*) FROM written);

-- name: withdraw_actions
UPDATE nightdesk.corporate_actions AS held
SET superseded_at = greatest(%(at)s, held.known_at + interval '1 microsecond')
FROM unnest(%(symbols)s::integer[], %(sources)s::text[]) AS asked (symbol_id, source)
WHERE held.superseded_at IS NULL
  AND held.symbol_id = asked.symbol_id AND held.source = asked.source
  AND held.session BETWEEN %(first)s AND %(last)s
  AND NOT EXISTS (
      SELECT FROM incoming_actions AS fresh
      WHERE fresh.symbol_id = held.symbol_id AND fresh.session = held.session
        AND (%(kinds)s::text[])[fresh.kind_code + 1] = held.kind
  );

-- name: withdraw_actions_of_hours
UPDATE nightdesk.corporate_actions AS held
SET superseded_at = greatest(%(at)s, held.known_at + interval '1 microsecond')
FROM unnest(%(symbols)s::text[], %(sources)s::text[]) AS asked (symbol, source)
JOIN nightdesk.symbols USING (symbol)
WHERE held.superseded_at IS NULL AND held.symbol_id = symbols.symbol_id AND held.source = asked.source
  AND held.session BETWEEN %(first)s AND %(last)s
  AND (asked.symbol, held.session, held.kind) NOT IN (
      SELECT * FROM unnest(%(given_symbols)s::text[], %(given_days)s::date[], %(given_kinds)s::text[])
  )
RETURNING held.kind;

-- name: panel_bars
-- Read by COPY: columns of fixed width, none of them null.
SELECT symbol_id, session, open, high, low, close, volume
FROM nightdesk.bars
WHERE symbol_id = ANY(%(symbols)s::integer[]) AND session BETWEEN %(first)s AND %(last)s
  AND known_at <= %(known_by)s AND (superseded_at IS NULL OR superseded_at > %(known_by)s);

-- name: panel_actions
SELECT symbol, session, kind, value, other, cash, note
FROM nightdesk.corporate_actions JOIN nightdesk.symbols USING (symbol_id)
WHERE symbol = ANY(%(symbols)s::text[]) AND session BETWEEN %(first)s AND %(last)s
  AND known_at <= %(known_by)s AND (superseded_at IS NULL OR superseded_at > %(known_by)s)
ORDER BY symbol, session, kind;

-- name: name_changes
SELECT symbol, session, other
FROM nightdesk.corporate_actions JOIN nightdesk.symbols USING (symbol_id)
WHERE kind = 'symbol_change' AND value = 1 AND session <= %(last)s
  AND known_at <= %(known_by)s AND (superseded_at IS NULL OR superseded_at > %(known_by)s)
ORDER BY session, symbol;

-- name: successions
-- Who holds a symbol from an open on has another one instead of it, or besides.
SELECT symbol, session, other
FROM nightdesk.corporate_actions JOIN nightdesk.symbols USING (symbol_id)
WHERE kind IN ('symbol_change', 'merger', 'spin_off') AND value > 0 AND other <> ''
  AND known_at <= %(known_by)s AND (superseded_at IS NULL OR superseded_at > %(known_by)s)
ORDER BY session, symbol, other;

-- name: live_bars
-- Read by COPY: columns of fixed width, none of them null.
SELECT symbol_id, session, open, high, low, close, volume
FROM nightdesk.bars
WHERE symbol_id = ANY(%(symbols)s::integer[]) AND session BETWEEN %(first)s AND %(last)s AND superseded_at IS NULL;

-- name: actions_in_force
SELECT symbol, session, kind, value, source
FROM nightdesk.corporate_actions JOIN nightdesk.symbols USING (symbol_id)
WHERE symbol = ANY(%(symbols)s::text[]) AND session BETWEEN %(first)s AND %(last)s AND superseded_at IS NULL;

-- name: bar_versions
SELECT symbol, session, known_at, superseded_at, source, open, high, low, close, volume
FROM nightdesk.bars JOIN nightdesk.symbols USING (symbol_id)
WHERE symbol = %(symbol)s AND session = %(session)s
ORDER BY known_at;

-- name: action_versions
SELECT symbol, session, kind, known_at, superseded_at, source, value, other, cash, note
FROM nightdesk.corporate_actions JOIN nightdesk.symbols USING (symbol_id)
WHERE symbol = %(symbol)s AND session = %(session)s
ORDER BY kind, known_at;

-- name: bar_sources
SELECT source, count(*) AS bars, min(session) AS first_session, max(session) AS last_session
FROM nightdesk.bars JOIN nightdesk.symbols USING (symbol_id)
WHERE symbol = ANY(%(symbols)s::text[]) AND session BETWEEN %(first)s AND %(last)s
  AND known_at <= %(known_by)s AND (superseded_at IS NULL OR superseded_at > %(known_by)s)
GROUP BY source
ORDER BY source;

-- name: hour_sources
SELECT source, count(*) AS bars
FROM nightdesk.bars_hourly JOIN nightdesk.symbols USING (symbol_id)
WHERE symbol = ANY(%(symbols)s::text[]) AND bar_end = %(as_of)s
  AND known_at <= %(known_by)s AND (superseded_at IS NULL OR superseded_at > %(known_by)s)
GROUP BY source
ORDER BY source;

-- name: feed_health
SELECT source, failures, opened_at, last_success, last_failure, last_error, answer_seconds
FROM nightdesk.feed_health
WHERE source = %(source)s;

-- name: feeds_health
SELECT source, failures, opened_at, last_success, last_failure, last_error, answer_seconds
FROM nightdesk.feed_health
ORDER BY source;

-- name: quality_findings
SELECT check_name, symbol, value, limit_value, outcome, detail
FROM nightdesk.quality_runs
WHERE book = %(book)s AND as_of = %(as_of)s
ORDER BY outcome = 'passed', check_name, symbol;

-- name: quarantine_spells
SELECT symbol, reason, first_session, last_session, ongoing, sessions, detail, first_as_of, last_as_of
FROM nightdesk.quarantine
WHERE book = %(book)s AND first_session <= %(last)s AND last_session >= %(first)s
ORDER BY first_as_of, symbol;

-- name: first_origin_decided_on
SELECT min(b.origin) AS origin FROM nightdesk.books b
WHERE EXISTS (SELECT FROM nightdesk.runs r WHERE r.book = b.book AND r.known_by IS NOT NULL);

-- name: late_actions
SELECT s.symbol, a.session, a.kind, settled.session AS settled, settled.as_of AS settled_as_of,
    max(greatest(a.known_at, a.superseded_at)) AS known_at
FROM nightdesk.corporate_actions a
JOIN nightdesk.symbols s USING (symbol_id)
CROSS JOIN LATERAL (
    SELECT r.as_of, r.session, r.known_by FROM nightdesk.runs r
    WHERE r.book = %(book)s AND r.session >= a.session ORDER BY r.as_of LIMIT 1
) AS settled
WHERE s.symbol = ANY(%(symbols)s::text[]) AND settled.as_of < %(as_of)s
  AND a.known_at <= %(known_by)s AND greatest(a.known_at, a.superseded_at) > settled.known_by
  AND a.kind <> 'accept'  -- a person's word, which always comes after its session, books nothing
  AND EXISTS (
      SELECT FROM nightdesk.positions p
      WHERE p.book = %(book)s AND p.quantity <> 0 AND (p.symbol = s.symbol OR (p.symbol, s.symbol) IN (
          SELECT contract, underlying
          FROM unnest(%(contracts)s::text[], %(underlyings)s::text[]) AS options (contract, underlying)
      )) AND p.as_of = (
          SELECT max(r.as_of) FROM nightdesk.runs r WHERE r.book = %(book)s AND r.as_of < settled.as_of
      )
  )
GROUP BY s.symbol, a.session, a.kind, settled.session, settled.as_of
ORDER BY a.session, s.symbol, a.kind;

-- name: market_changed
-- Of a day that still runs at the last session's close only the open is read.
SELECT EXISTS (
    SELECT FROM nightdesk.bars AS fresh JOIN nightdesk.symbols USING (symbol_id)
    WHERE symbol = ANY(%(symbols)s::text[]) AND session BETWEEN %(first)s AND %(last)s AND known_at > %(since)s
      AND NOT (session = %(last)s AND symbol = ANY(%(continuous)s::text[]) AND EXISTS (
          SELECT FROM nightdesk.bars AS held
          WHERE held.symbol_id = fresh.symbol_id AND held.session = fresh.session
            AND held.superseded_at = fresh.known_at AND held.open = fresh.open
      ))
) OR EXISTS (
    SELECT FROM nightdesk.corporate_actions JOIN nightdesk.symbols USING (symbol_id)
    WHERE symbol = ANY(%(symbols)s::text[]) AND session BETWEEN %(first)s AND %(last)s
      AND greatest(known_at, superseded_at) > %(since)s
) AS changed;

-- name: ingest_notes
SELECT kind, subject, rows, detail FROM nightdesk.ingest_notes
WHERE book = %(book)s AND as_of = %(as_of)s ORDER BY kind, subject;

-- name: newest_ingest_notes
-- Of every started book, what the ingest of its newest session left out.
SELECT n.book, n.session, n.kind, n.subject, n.rows, n.detail
FROM nightdesk.ingest_notes n
JOIN (SELECT book, max(as_of) AS as_of FROM nightdesk.runs WHERE known_by IS NOT NULL GROUP BY book) newest
    USING (book, as_of)
ORDER BY n.book, n.kind, n.subject;

-- name: failing_checks
-- Checks of a session that failed, and the age of every symbol's newest bar.
SELECT check_name, symbol, value, limit_value, outcome, detail FROM nightdesk.quality_runs
WHERE book = %(book)s AND as_of = %(as_of)s
    AND (outcome <> 'passed' OR check_name IN ('no_bar', 'reference_age')) ORDER BY symbol, check_name;

-- name: known_symbols
SELECT symbol FROM nightdesk.symbols
WHERE cardinality(%(symbols)s::text[]) = 0 OR symbol = ANY(%(symbols)s::text[])
ORDER BY symbol;

-- name: live_actions
SELECT symbol, session, kind, value, other, cash, note, source, known_at
FROM nightdesk.corporate_actions JOIN nightdesk.symbols USING (symbol_id)
WHERE superseded_at IS NULL AND kind <> 'adjustment' AND session BETWEEN %(first)s AND %(last)s
  AND %(symbol)s IN ('', symbol) AND %(kind)s IN ('', kind)
ORDER BY session, symbol, kind;

-- name: end_action
UPDATE nightdesk.corporate_actions AS held
SET superseded_at = greatest(%(at)s, held.known_at + interval '1 microsecond'),
    note = held.note || CASE WHEN %(note)s = '' THEN '' ELSE '; withdrawn by ' || %(note)s END
FROM nightdesk.symbols AS named
WHERE held.superseded_at IS NULL AND named.symbol_id = held.symbol_id AND named.symbol = %(symbol)s
  AND held.session = %(session)s AND held.kind = %(kind)s AND coalesce(%(source)s, held.source) = held.source
RETURNING held.session;

-- name: add_action
INSERT INTO nightdesk.corporate_actions (symbol_id, session, kind, known_at, source, value, other, cash, note)
SELECT symbol_id, %(session)s, %(kind)s, greatest(%(at)s, (
           SELECT max(superseded_at) FROM nightdesk.corporate_actions AS before
           WHERE before.symbol_id = named.symbol_id AND before.session = %(session)s AND before.kind = %(kind)s
       )), %(source)s, %(value)s, %(other)s, %(cash)s, %(note)s
FROM nightdesk.symbols AS named WHERE symbol = %(symbol)s
RETURNING known_at;

-- name: thin_findings
-- A session keeps rows, so that it counts as checked: a spell of quarantine ends there and does not span it.
WITH thinned AS (
    UPDATE nightdesk.runs SET thinned_at = clock_timestamp()
    WHERE session < %(before)s AND status = 'closed' AND thinned_at IS NULL RETURNING book, as_of
), gone AS (
    DELETE FROM nightdesk.quality_runs q USING thinned t
    WHERE (q.book, q.as_of) = (t.book, t.as_of) AND q.outcome = 'passed' AND q.check_name <> ALL(%(kept)s)
    RETURNING 1
), said AS (
    DELETE FROM nightdesk.quality_validations v USING thinned t WHERE (v.book, v.as_of) = (t.book, t.as_of)
)
SELECT (SELECT count(*) FROM thinned) AS sessions, (SELECT count(*) FROM gone) AS rows;

-- name: findings_kept
SELECT thinned_at IS NOT NULL AS thinned,
    coalesce((
        SELECT jsonb_agg(to_jsonb(q) - '{book,as_of,session}'::text[] ORDER BY q.check_name, q.symbol)
        FROM nightdesk.quality_runs q
        WHERE (q.book, q.as_of) = (r.book, r.as_of) AND q.check_name = ANY(%(besides)s::text[])
    ), '[]') AS besides
FROM nightdesk.runs r WHERE r.book = %(book)s AND r.as_of = %(as_of)s;

-- name: validations
SELECT as_of, session, suite, success, document FROM nightdesk.quality_validations
WHERE book = %(book)s AND as_of IN (
    SELECT DISTINCT as_of FROM nightdesk.quality_validations WHERE book = %(book)s
    ORDER BY as_of DESC LIMIT %(decisions)s
)
ORDER BY as_of, suite;

-- name: validated_books
SELECT DISTINCT book FROM nightdesk.quality_validations ORDER BY book;

-- name: is_validated
SELECT EXISTS (
    SELECT FROM nightdesk.quality_validations WHERE book = %(book)s AND as_of = %(as_of)s
) AS validated;

-- name: fact_reach
SELECT subject, until FROM nightdesk.fact_reach
WHERE book = %(book)s AND kind = %(kind)s AND source = %(source)s AND since <= %(since)s::date
ORDER BY subject;

-- name: keep_fact_reach
INSERT INTO nightdesk.fact_reach AS held (book, kind, source, subject, since, until)
SELECT %(book)s, %(kind)s, %(source)s, subject, %(since)s, %(until)s FROM unnest(%(subjects)s::text[]) AS subject
ON CONFLICT (book, kind, source, subject) DO UPDATE SET
    since = least(held.since, excluded.since), until = greatest(held.until, excluded.until);

-- name: keep_shard
WITH unused AS (DELETE FROM nightdesk.bar_shards WHERE stored_at < clock_timestamp() - interval '1 day')
INSERT INTO nightdesk.bar_shards (book, as_of, shard, first, made_from, answer)
VALUES (%(book)s, %(as_of)s, %(shard)s, %(first)s, %(made_from)s, %(answer)s)
ON CONFLICT (book, as_of, shard, first)
DO UPDATE SET made_from = excluded.made_from, answer = excluded.answer, stored_at = clock_timestamp();

-- name: fresh_shards
SELECT shard, answer FROM nightdesk.bar_shards
WHERE book = %(book)s AND as_of = %(as_of)s AND first = %(first)s AND made_from = %(made_from)s
  AND stored_at > clock_timestamp() - interval '2 hours'
ORDER BY shard;

-- name: forget_shards
DELETE FROM nightdesk.bar_shards WHERE book = %(book)s AND as_of = %(as_of)s
RETURNING shard, made_from = %(made_from)s AND stored_at > clock_timestamp() - interval '2 hours' AS usable;
