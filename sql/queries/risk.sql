-- The book's risk: its state after each decision, the moves between levels, what people said.

-- name: risk_facts
SELECT kind, reason, who, session, level FROM nightdesk.risk_events
WHERE book = %(book)s AND session <= %(session)s AND kind NOT IN ('kill', 'halt', 'release')
ORDER BY session, risk_event_id;

-- name: risk_state_row
SELECT level, peak_nav, highest_nav, drawdown, since, sessions, deepest, since_low, calm, answered_by, recovery
FROM nightdesk.risk_state WHERE book = %(book)s AND as_of = %(as_of)s;

-- name: average_correlation
SELECT average_correlation FROM nightdesk.risk_state WHERE book = %(book)s AND as_of = %(as_of)s;

-- name: newest_risk_state
SELECT as_of, session, level, peak_nav, highest_nav, drawdown, since, sessions, deepest, since_low, calm, answered_by, recovery,
    volatility, average_correlation, lowest_correlation
FROM nightdesk.risk_state WHERE book = %(book)s AND as_of <= %(as_of)s ORDER BY as_of DESC LIMIT 1;

-- name: risk_cap_rows
SELECT symbol, level_cap, stop_cap, halved FROM nightdesk.risk_caps
WHERE book = %(book)s AND as_of = %(as_of)s ORDER BY symbol;

-- name: level_change_rows
SELECT session, level_before, level_after, cause, drawdown, nav, peak_nav, who, sessions
FROM nightdesk.level_changes WHERE book = %(book)s AND session BETWEEN %(first)s AND %(last)s ORDER BY as_of;

-- name: risk_report_row
SELECT nav, volatility, historical_var, historical_cvar, normal_var, normal_cvar, var_sessions, herfindahl,
    effective_positions, largest, largest_weight, largest_group, largest_group_weight
FROM nightdesk.risk_reports WHERE book = %(book)s AND as_of = %(as_of)s;

-- name: newest_risk_report
SELECT as_of FROM nightdesk.risk_reports
WHERE book = %(book)s AND as_of <= %(as_of)s ORDER BY as_of DESC LIMIT 1;

-- name: risk_distance_rows
SELECT rule, subject, unit, observed, rule_limit, room, room_share, state FROM nightdesk.risk_distances
WHERE book = %(book)s AND as_of = %(as_of)s ORDER BY place;

-- name: risk_contribution_rows
SELECT symbol, weight, contribution, gaps FROM nightdesk.risk_contributions
WHERE book = %(book)s AND as_of = %(as_of)s;

-- name: risk_correlation_row
SELECT symbols, matrix FROM nightdesk.risk_correlations WHERE book = %(book)s AND as_of = %(as_of)s;
