-- The book's risk: its state after each decision, the moves between levels, what people said.

-- name: risk_facts
SELECT kind, reason, who, session, level, after_as_of AS after FROM nightdesk.risk_events
WHERE book = %(book)s AND session <= %(session)s AND (after_as_of IS NULL OR after_as_of < %(as_of)s)
    AND kind NOT IN ('kill', 'halt', 'release')
ORDER BY session, after_as_of NULLS FIRST, risk_event_id;

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

-- name: overrides_known
SELECT o.override_id AS number, o.symbol, o.kind, o.amount AS size, o.reduces, o.from_as_of AS begins, o.from_session AS since,
    o.until_session AS until, o.stated_by AS who, o.reason, e.from_as_of AS ends
FROM nightdesk.overrides o
LEFT JOIN nightdesk.override_ends e ON e.override_id = o.override_id AND e.ended_at <= %(known_by)s
WHERE o.book = %(book)s AND o.stated_at <= %(known_by)s AND o.from_as_of <= %(as_of)s AND o.until_session >= %(session)s
ORDER BY o.override_id;

-- name: overrides_changed
SELECT 1 AS found WHERE EXISTS (
    SELECT FROM nightdesk.overrides
    WHERE book = %(book)s AND stated_at > %(since)s AND from_as_of <= %(as_of)s AND until_session >= %(session)s
) OR EXISTS (
    SELECT FROM nightdesk.override_ends e JOIN nightdesk.overrides o USING (override_id)
    WHERE o.book = %(book)s AND e.ended_at > %(since)s AND e.from_as_of <= %(as_of)s AND o.until_session >= %(session)s
);

-- name: override_rows
SELECT o.override_id AS number, o.book, o.symbol, o.kind, o.amount AS size, o.reduces, o.from_as_of AS begins,
    o.from_session AS since, o.until_session AS until, o.stated_by AS who, o.stated_at, o.reason, e.from_as_of AS ends,
    e.ended_by, e.ended_at, e.reason AS ended_reason
FROM nightdesk.overrides o LEFT JOIN nightdesk.override_ends e USING (override_id)
WHERE (%(book)s::text IS NULL OR o.book = %(book)s) AND (%(before)s::bigint IS NULL OR o.override_id < %(before)s)
ORDER BY o.override_id DESC LIMIT %(newest)s;

-- name: overrides_standing
SELECT o.override_id AS number, o.symbol, o.kind, o.amount AS size, o.reduces, o.from_as_of AS begins, o.from_session AS since,
    o.until_session AS until, o.stated_by AS who, o.reason
FROM nightdesk.overrides o
WHERE o.book = %(book)s AND o.until_session >= %(session)s
    AND NOT EXISTS (SELECT FROM nightdesk.override_ends e WHERE e.override_id = o.override_id)
ORDER BY o.override_id;
