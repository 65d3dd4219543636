-- Tasks may run on several machines: which code is the desk's, and what shards of an ingest have fetched ahead.

CREATE TABLE nightdesk.code_versions (
    code_version  text PRIMARY KEY,
    first_seen    timestamptz NOT NULL DEFAULT clock_timestamp(),
    current_since timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE nightdesk.code_versions IS
    'The versions of the package that have worked for this desk; the one with the newest current_since is the desk''s';
COMMENT ON COLUMN nightdesk.code_versions.code_version IS
    'Version and digest of the package''s source, without plug-ins';
COMMENT ON COLUMN nightdesk.code_versions.first_seen IS 'When it first worked or was announced, UTC';
COMMENT ON COLUMN nightdesk.code_versions.current_since IS
    'When it became the desk''s: first seen, or announced by `nightdesk db migrate` or `nightdesk up`, UTC';

CREATE TABLE nightdesk.bar_shards (
    book         text NOT NULL,
    as_of        timestamptz NOT NULL,
    shard        integer NOT NULL CHECK (shard >= 0),
    first        date NOT NULL,
    made_from    text NOT NULL,
    answer       bytea NOT NULL,
    stored_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (book, as_of, shard, first)
);
COMMENT ON TABLE nightdesk.bar_shards IS
    'What vendors answered ahead of an ingest, a part of the book''s symbols each; nothing reads it but that ingest, which stores the bars and deletes this';
COMMENT ON COLUMN nightdesk.bar_shards.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.bar_shards.as_of IS 'The decision, UTC';
COMMENT ON COLUMN nightdesk.bar_shards.shard IS 'Number of the part, from 0';
COMMENT ON COLUMN nightdesk.bar_shards.first IS 'First day that was asked for';
COMMENT ON COLUMN nightdesk.bar_shards.made_from IS 'Hash of the book and version of the code that asked: of another one it is not used';
COMMENT ON COLUMN nightdesk.bar_shards.answer IS 'Bars, actions and what is missing, packed; see nightdesk.store.shard_rows';
COMMENT ON COLUMN nightdesk.bar_shards.stored_at IS 'When it was stored, UTC: what is older than two hours is not used';
