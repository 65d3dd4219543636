-- Who is a member of a book's universe, in every version of its list: a decision reads the one that it knew.

CREATE TABLE nightdesk.members (
    book          text NOT NULL,
    symbol        text NOT NULL,
    from_session  date NOT NULL,
    until_session date CHECK (until_session >= from_session),
    group_name    text NOT NULL DEFAULT '',
    known_at      timestamptz NOT NULL,
    superseded_at timestamptz CHECK (superseded_at > known_at),
    PRIMARY KEY (book, symbol, from_session, known_at)
);
CREATE UNIQUE INDEX members_live ON nightdesk.members (book, symbol, from_session) WHERE superseded_at IS NULL;
COMMENT ON TABLE nightdesk.members IS
    'The lists of members that books name, line by line as the files had them: a line that was changed or taken out is superseded, and stays';
COMMENT ON COLUMN nightdesk.members.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.members.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.members.from_session IS 'First session in which it is a member';
COMMENT ON COLUMN nightdesk.members.until_session IS 'Last session in which it is a member; null: it still is';
COMMENT ON COLUMN nightdesk.members.group_name IS 'Class or sector that the list names; empty for that of the book';
COMMENT ON COLUMN nightdesk.members.known_at IS 'When the desk read the line first, UTC';
COMMENT ON COLUMN nightdesk.members.superseded_at IS
    'When the desk found the line changed or gone, UTC; null while it stands';
