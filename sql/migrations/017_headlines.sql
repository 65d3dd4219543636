-- What was written of the symbols: headlines with the instants between which each version was known, what scorers
-- make of them, and the mean of each session as its decision saw it.

CREATE TABLE nightdesk.headlines (
    symbol_id     integer NOT NULL REFERENCES nightdesk.symbols,
    feed          text NOT NULL CHECK (feed <> ''),
    article       text NOT NULL CHECK (article <> ''),
    known_at      timestamptz NOT NULL,
    superseded_at timestamptz CHECK (superseded_at > known_at),
    published_at  timestamptz NOT NULL,
    headline      text NOT NULL CHECK (headline <> ''),
    story         bigint NOT NULL,
    source        text NOT NULL,
    url           text NOT NULL,
    headline_id   bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    PRIMARY KEY (symbol_id, feed, article, known_at)
);
CREATE UNIQUE INDEX headlines_newest ON nightdesk.headlines (symbol_id, feed, article) WHERE superseded_at IS NULL;
CREATE INDEX headlines_by_instant ON nightdesk.headlines (symbol_id, published_at);
COMMENT ON TABLE nightdesk.headlines IS
    'Headlines, a row a symbol, every version ever known; a changed one is a new row, and the row before it is superseded';
COMMENT ON COLUMN nightdesk.headlines.symbol_id IS 'The symbol that it is of, a number of symbols';
COMMENT ON COLUMN nightdesk.headlines.feed IS 'Kind of feed that gave it: files, alpaca, sample';
COMMENT ON COLUMN nightdesk.headlines.article IS 'What names the article at the feed: its number, or a digest of its instant and address';
COMMENT ON COLUMN nightdesk.headlines.known_at IS 'When this version came to the desk, UTC';
COMMENT ON COLUMN nightdesk.headlines.superseded_at IS 'When a later version took its place, UTC; null while it is the newest';
COMMENT ON COLUMN nightdesk.headlines.published_at IS 'When it was published, as the feed says, UTC';
COMMENT ON COLUMN nightdesk.headlines.headline IS 'Its words';
COMMENT ON COLUMN nightdesk.headlines.story IS 'Number that headlines of the same words share, however they are written';
COMMENT ON COLUMN nightdesk.headlines.source IS 'Who wrote it';
COMMENT ON COLUMN nightdesk.headlines.url IS 'Where it stands; empty where that is not known';
COMMENT ON COLUMN nightdesk.headlines.headline_id IS 'Number of the version, which scores carry';

CREATE TABLE nightdesk.headline_scores (
    headline_id bigint NOT NULL REFERENCES nightdesk.headlines (headline_id),
    scorer      text NOT NULL CHECK (scorer <> ''),
    score       double precision NOT NULL CHECK (score BETWEEN -1 AND 1),
    PRIMARY KEY (headline_id, scorer)
);
COMMENT ON TABLE nightdesk.headline_scores IS 'How good or bad each headline sounds to a scorer, once and for all';
COMMENT ON COLUMN nightdesk.headline_scores.headline_id IS 'The headline';
COMMENT ON COLUMN nightdesk.headline_scores.scorer IS 'Name of the scorer: lexicon, finbert';
COMMENT ON COLUMN nightdesk.headline_scores.score IS 'From -1 (bad) over 0 to 1 (good), without a unit';

CREATE TABLE nightdesk.sentiments (
    book    text NOT NULL,
    session date NOT NULL,
    symbol  text NOT NULL,
    scorer  text NOT NULL,
    score   double precision NOT NULL CHECK (score BETWEEN -1 AND 1),
    count   integer NOT NULL CHECK (count > 0),
    PRIMARY KEY (book, session, symbol),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.sentiments IS
    'Sentiment of a symbol as the decision of a session saw it; a symbol without a headline has no row';
COMMENT ON COLUMN nightdesk.sentiments.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.sentiments.session IS 'Session in which the headlines were published: after the close before, up to its own';
COMMENT ON COLUMN nightdesk.sentiments.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.sentiments.scorer IS 'Name of the scorer';
COMMENT ON COLUMN nightdesk.sentiments.score IS 'Mean score of the headlines, from -1 to 1, without a unit';
COMMENT ON COLUMN nightdesk.sentiments.count IS 'Headlines behind it, repetitions left out';

CREATE TABLE nightdesk.news_reach (
    book    text NOT NULL,
    feed    text NOT NULL CHECK (feed <> ''),
    since   timestamptz NOT NULL,
    until   timestamptz NOT NULL CHECK (until >= since),
    symbols text[] NOT NULL,
    PRIMARY KEY (book, feed)
);
COMMENT ON TABLE nightdesk.news_reach IS 'Up to when the headlines of a book were asked for and came, so that a gap is closed later';
COMMENT ON COLUMN nightdesk.news_reach.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.news_reach.feed IS 'Name of the feed, as the book lists it';
COMMENT ON COLUMN nightdesk.news_reach.since IS 'From which instant on they came, UTC';
COMMENT ON COLUMN nightdesk.news_reach.until IS 'Up to which instant they came, UTC';
COMMENT ON COLUMN nightdesk.news_reach.symbols IS 'Symbols that were asked for';
