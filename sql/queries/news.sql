-- Headlines, what scorers make of them, and how far they reach.

-- name: stage_headlines
DROP TABLE IF EXISTS pg_temp.incoming_headlines;
CREATE TEMPORARY TABLE incoming_headlines ON COMMIT DROP AS
SELECT symbol_id, %(feed)s::text AS feed, article, published_at AT TIME ZONE 'UTC' AS published_at, headline, story,
       source, url, %(at)s::timestamptz AS known_at
FROM json_to_recordset(%(document)s) AS fresh (
    symbol text, article text, published_at timestamp, headline text, story bigint, source text, url text
) JOIN nightdesk.symbols USING (symbol);

-- name: supersede_headlines
-- A version that took another's place is known from that moment on, even where the clock was set back in between.
WITH superseded AS (
    UPDATE nightdesk.headlines AS held
    SET superseded_at = greatest(%(at)s, held.known_at + interval '1 microsecond')
    FROM incoming_headlines AS fresh
    WHERE held.superseded_at IS NULL
      AND (held.symbol_id, held.feed, held.article) = (fresh.symbol_id, fresh.feed, fresh.article)
      AND (held.published_at, held.headline) IS DISTINCT FROM (fresh.published_at, fresh.headline)
    RETURNING held.symbol_id, held.article, held.superseded_at
)
UPDATE incoming_headlines AS fresh SET known_at = superseded.superseded_at
FROM superseded
WHERE (fresh.symbol_id, fresh.article) = (superseded.symbol_id, superseded.article);

-- name: insert_headlines
INSERT INTO nightdesk.headlines
    (symbol_id, feed, article, known_at, published_at, headline, story, source, url)
SELECT symbol_id, feed, article, known_at, published_at, headline, story, source, url
FROM incoming_headlines AS fresh
WHERE NOT EXISTS (
    SELECT FROM nightdesk.headlines AS held
    WHERE held.superseded_at IS NULL
      AND (held.symbol_id, held.feed, held.article) = (fresh.symbol_id, fresh.feed, fresh.article)
)
ORDER BY published_at, symbol_id, article;

-- name: panel_headlines
-- Read by COPY: columns of fixed width, none of them null; a headline that is not scored yet has NaN. Beside it,
-- how many symbols of the reading its article is of, found by words or named by its source. Some sources number
-- articles a symbol: those of one number count as one only where they tell the same story.
-- One pass over the headlines in any plan: tables that were just filled have no statistics, and a join of the
-- headlines with their own count, which is taken for one of a single row, was made anew for each of them.
WITH known AS (
    SELECT symbol_id, headline_id, published_at, story, split_part(feed, '#', 1) AS kind, article
    FROM nightdesk.headlines
    WHERE symbol_id = ANY(%(symbols)s::integer[]) AND feed = ANY(%(feeds)s::text[])
      AND published_at > %(after)s AND published_at <= %(until)s
      AND known_at <= %(known_by)s AND (superseded_at IS NULL OR superseded_at > %(known_by)s)
), numbered AS (
    SELECT *, dense_rank() OVER (PARTITION BY kind, article, story ORDER BY symbol_id) AS number
    FROM known
)
SELECT symbol_id, headline_id, published_at, story, coalesce(score, 'NaN') AS score,
       (max(number) OVER (PARTITION BY kind, article, story))::integer AS symbols
FROM numbered LEFT JOIN (
    SELECT headline_id, score FROM nightdesk.headline_scores WHERE scorer = %(scorer)s
) AS scored USING (headline_id);

-- name: headline_words
SELECT headline_id, headline
FROM nightdesk.headlines
WHERE headline_id = ANY(%(numbers)s::bigint[]);

-- name: unscored_headlines
SELECT headline_id, headline
FROM nightdesk.headlines JOIN nightdesk.symbols USING (symbol_id)
WHERE symbol = ANY(%(symbols)s::text[]) AND feed = ANY(%(feeds)s::text[])
  AND NOT EXISTS (
      SELECT FROM nightdesk.headline_scores AS held
      WHERE held.headline_id = headlines.headline_id AND held.scorer = %(scorer)s
  )
ORDER BY headline_id;

-- name: headlines_changed
-- Whether what a book reads of headlines is not what it was at an instant.
SELECT EXISTS (
    SELECT FROM nightdesk.headlines JOIN nightdesk.symbols USING (symbol_id)
    WHERE symbol = ANY(%(symbols)s::text[]) AND feed = ANY(%(feeds)s::text[])
      AND published_at > %(after)s AND published_at <= %(until)s
      AND (known_at > %(since)s OR superseded_at > %(since)s)
) AS changed;

-- name: headline_versions
SELECT symbol, feed, article, known_at, superseded_at, published_at, headline, source, url
FROM nightdesk.headlines JOIN nightdesk.symbols USING (symbol_id)
WHERE symbol = %(symbol)s AND published_at > %(after)s AND published_at <= %(until)s
ORDER BY published_at, feed, article, known_at;

-- name: news_reach
SELECT since, until, symbols
FROM nightdesk.news_reach
WHERE book = %(book)s AND feed = %(feed)s;

-- name: keep_news_reach
-- A span that begins later, or was asked for other symbols, joins what is there only where it leaves no gap: the
-- caller asks from what is there on, or anew.
INSERT INTO nightdesk.news_reach AS held (book, feed, since, until, symbols)
VALUES (%(book)s, %(feed)s, %(since)s, %(until)s, %(symbols)s::text[])
ON CONFLICT (book, feed) DO UPDATE SET
    since = CASE WHEN held.symbols @> excluded.symbols THEN least(held.since, excluded.since) ELSE excluded.since END,
    until = CASE WHEN held.symbols @> excluded.symbols THEN greatest(held.until, excluded.until) ELSE excluded.until END,
    symbols = CASE WHEN held.symbols @> excluded.symbols THEN held.symbols ELSE excluded.symbols END;
