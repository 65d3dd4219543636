-- The models of strategies that learn, as plain numbers: what was live in a session stays with it.

CREATE TABLE nightdesk.models (
    book         text NOT NULL,
    strategy     text NOT NULL,
    fitted       date NOT NULL,
    recipe       text NOT NULL CHECK (recipe ~ '^[0-9a-f]{64}$'),
    session      date NOT NULL CHECK (session >= fitted),
    digest       text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    first_sample date,
    last_sample  date CHECK (last_sample <= fitted),
    samples      integer NOT NULL CHECK (samples >= 0),
    rising       double precision NOT NULL,
    features     text[] NOT NULL,
    means        double precision[] NOT NULL,
    deviations   double precision[] NOT NULL CHECK (cardinality(deviations) = cardinality(means)),
    coefficients double precision[] NOT NULL CHECK (cardinality(coefficients) = cardinality(means)),
    intercept    double precision NOT NULL,
    log_loss     double precision NOT NULL,
    accuracy     double precision NOT NULL,
    PRIMARY KEY (book, strategy, fitted, recipe),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs,
    CHECK (cardinality(coefficients) IN (0, cardinality(features)))
);
CREATE INDEX models_of_session ON nightdesk.models (book, session);
COMMENT ON TABLE nightdesk.models IS 'Models of strategies that learn: score = intercept + sum of coefficient x (feature - mean) / deviation, the log-odds of a rise';
COMMENT ON COLUMN nightdesk.models.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.models.strategy IS 'Name of the strategy';
COMMENT ON COLUMN nightdesk.models.fitted IS 'Session on the grid of refits; nothing after it was used';
COMMENT ON COLUMN nightdesk.models.recipe IS 'SHA-256 of parameters, symbols and factors that decide the fit beside the bars, hexadecimal';
COMMENT ON COLUMN nightdesk.models.session IS 'Session whose run fitted it, on the bars that this run knew';
COMMENT ON COLUMN nightdesk.models.digest IS 'SHA-256 of all numbers of the model, hexadecimal';
COMMENT ON COLUMN nightdesk.models.first_sample IS 'First session of the samples; NULL without any';
COMMENT ON COLUMN nightdesk.models.last_sample IS 'Last session of the samples, whose outcome was known by then; NULL without any';
COMMENT ON COLUMN nightdesk.models.samples IS 'Number of samples, symbols x sessions';
COMMENT ON COLUMN nightdesk.models.rising IS 'Share of the samples whose outcome was a rise; NaN without any';
COMMENT ON COLUMN nightdesk.models.features IS 'Names of the features, in the order of the arrays';
COMMENT ON COLUMN nightdesk.models.means IS 'Mean of each feature over the samples, in its own unit; empty where nothing was fitted';
COMMENT ON COLUMN nightdesk.models.deviations IS 'Standard deviation of each feature over the samples, in its own unit; empty likewise';
COMMENT ON COLUMN nightdesk.models.coefficients IS 'Log-odds a deviation of each feature; empty where nothing was fitted, and the strategy is silent';
COMMENT ON COLUMN nightdesk.models.intercept IS 'Log-odds of a rise where every feature is at its mean; NaN where nothing was fitted';
COMMENT ON COLUMN nightdesk.models.log_loss IS 'Mean negative log-likelihood of a sample, natural logarithm, in the samples; NaN where nothing was fitted';
COMMENT ON COLUMN nightdesk.models.accuracy IS 'Share of the samples called right at a probability of one half; NaN where nothing was fitted';
