-- Headlines that are of a symbol by the words of a book stand apart from those whose source names it.

COMMENT ON COLUMN nightdesk.headlines.feed IS
    'Kind of feed that gave it (files, alpaca, rss); behind a # the digest of the words by which it is of the symbol, where its source does not name the symbol';
COMMENT ON COLUMN nightdesk.headlines.article IS
    'What names the article at the feed: its number or address, or a digest of its instant and address';
COMMENT ON COLUMN nightdesk.news_reach.feed IS
    'Name of the feed, as the book lists it; behind a # the digest of the words by which the book tags headlines';
