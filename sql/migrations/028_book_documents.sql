-- What a book is without its file: its document as it was last used, and that people are told when the file is gone.

ALTER TABLE nightdesk.books ADD COLUMN document json;
COMMENT ON COLUMN nightdesk.books.document IS
    'The whole book as its file said it when a step last began, every default filled in; null before the first step';

ALTER TABLE nightdesk.alert_spells DROP CONSTRAINT alert_spells_kind_check;
ALTER TABLE nightdesk.alert_spells ADD CONSTRAINT alert_spells_kind_check CHECK (kind IN (
    'quarantine', 'no_bar', 'reference', 'feed', 'late_data', 'limit', 'band', 'dispute', 'book_file'
));
COMMENT ON COLUMN nightdesk.alert_spells.kind IS
    'quarantine, no_bar, reference, feed, late_data, limit (near or beyond it), band (of a strategy''s results), dispute (of a position) or book_file (gone or wrong)';
