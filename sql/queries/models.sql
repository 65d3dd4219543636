-- Models of strategies that learn.

-- name: model_row
SELECT as_of, session, digest, fitted, first_sample, last_sample, samples, rising, features, means, deviations, coefficients,
    intercept, log_loss, accuracy
FROM nightdesk.models
WHERE book = %(book)s AND strategy = %(strategy)s AND fitted = %(fitted)s AND recipe = %(recipe)s;
