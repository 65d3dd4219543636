-- Money that people move from one account of a book to another.

CREATE TABLE nightdesk.transfers (
    transfer_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    book         text NOT NULL REFERENCES nightdesk.books,
    as_of        timestamptz NOT NULL,
    session      date NOT NULL,
    from_account text NOT NULL,
    to_account   text NOT NULL CHECK (to_account <> from_account),
    amount       numeric NOT NULL CHECK (amount > 0 AND amount = round(amount, 2)),
    reason       text NOT NULL CHECK (reason <> ''),
    who          text NOT NULL CHECK (who <> ''),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    FOREIGN KEY (book, from_account) REFERENCES nightdesk.book_accounts (book, name),
    FOREIGN KEY (book, to_account) REFERENCES nightdesk.book_accounts (book, name)
);
CREATE INDEX transfers_by_decision ON nightdesk.transfers (book, as_of);
COMMENT ON TABLE nightdesk.transfers IS
    'Dollars that a person moves between two accounts of a book; the settling of their decision books an entry in each';
COMMENT ON COLUMN nightdesk.transfers.transfer_id IS 'Number of the transfer';
COMMENT ON COLUMN nightdesk.transfers.book IS 'Whose accounts';
COMMENT ON COLUMN nightdesk.transfers.as_of IS 'Decision whose settling books it, UTC';
COMMENT ON COLUMN nightdesk.transfers.session IS 'Session that the decision lies in';
COMMENT ON COLUMN nightdesk.transfers.from_account IS 'Account of the book that has it less';
COMMENT ON COLUMN nightdesk.transfers.to_account IS 'Account of the book that has it more';
COMMENT ON COLUMN nightdesk.transfers.amount IS 'Dollars and cents, positive';
COMMENT ON COLUMN nightdesk.transfers.reason IS 'Why';
COMMENT ON COLUMN nightdesk.transfers.who IS 'The person who said so';
COMMENT ON COLUMN nightdesk.transfers.created_at IS 'When it was said, UTC';
