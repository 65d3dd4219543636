-- Whose gains a book's are, and what its decisions were told of taxes and day trades.

CREATE TABLE nightdesk.taxpayers (
    book                 text PRIMARY KEY REFERENCES nightdesk.books,
    taxpayer             text NOT NULL CHECK (taxpayer <> ''),
    lots                 text NOT NULL CHECK (lots IN ('fifo', 'lifo', 'highest_cost', 'specific')),
    sales                jsonb NOT NULL,
    crypto               text[] NOT NULL,
    wash_sales_of_crypto boolean NOT NULL
);
CREATE INDEX taxpayers_by_name ON nightdesk.taxpayers (taxpayer);
INSERT INTO nightdesk.taxpayers SELECT book, book, 'fifo', '{}', '{}', false FROM nightdesk.books;
COMMENT ON TABLE nightdesk.taxpayers IS
    'The tax terms of the started books, as their files say them, so that books of one taxpayer find each other';
COMMENT ON COLUMN nightdesk.taxpayers.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.taxpayers.taxpayer IS 'Whose gains they are; the name of the book where its file names nobody';
COMMENT ON COLUMN nightdesk.taxpayers.lots IS 'Which lots a sale is of: fifo, lifo, highest_cost or specific';
COMMENT ON COLUMN nightdesk.taxpayers.sales IS 'Lots named for a sale: arrays of lot ids by order id';
COMMENT ON COLUMN nightdesk.taxpayers.crypto IS 'Symbols that are property and no securities';
COMMENT ON COLUMN nightdesk.taxpayers.wash_sales_of_crypto IS 'Whether losses on them are disallowed all the same';

CREATE TABLE nightdesk.tax_views (
    book         text NOT NULL,
    session      date NOT NULL,
    losses       jsonb NOT NULL,
    opened_today jsonb NOT NULL,
    day_trades   integer NOT NULL CHECK (day_trades >= 0),
    PRIMARY KEY (book, session),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.tax_views IS
    'What the gate of a session was told of the taxpayer''s trades: other books may have moved on when it is asked again';
COMMENT ON COLUMN nightdesk.tax_views.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.tax_views.session IS 'Session';
COMMENT ON COLUMN nightdesk.tax_views.losses IS
    'Losses of the last 30 days that a purchase would disallow: dollars and cents as text by symbol';
COMMENT ON COLUMN nightdesk.tax_views.opened_today IS
    'Opened in the session that the orders are filled in: signed shares or coins as text by symbol';
COMMENT ON COLUMN nightdesk.tax_views.day_trades IS 'Day trades of the account in the sessions that count';
