"""How scoped budgets stand, and how many reservations hold something."""

from budgetsite.operations.figures import StoredFigure, register

# A budget is asked about from its first day until it is over, on the calendar of its own time zone: after that it
# would be exceeded for ever. Its window is the last stored one that has begun, unless that one has ended: then nothing
# was counted in the present one. What expired reservations hold counts for nobody.
_STANDING = """
    WITH expired AS (
        SELECT r.tenant_id, unnest(l.path || l.id) AS budget_id, r.held_at, r.held_amount
        FROM budgets_reservation r
        JOIN budgets_scopedbudget l ON l.tenant_id = r.tenant_id AND l.id = r.budget_id
        WHERE r.status = 'held' AND r.deleted_at IS NULL AND r.expires_at <= now()
    ),
    standing AS (
        SELECT b.tenant_id, b.scope_type, b.amount, coalesce(w.used, 0) - coalesce((
                SELECT sum(e.held_amount) FROM expired e
                WHERE e.tenant_id = b.tenant_id AND e.budget_id = b.id
                    AND e.held_at >= w.window_start AND e.held_at < w.window_end
            ), 0) AS used
        FROM budgets_scopedbudget b
        LEFT JOIN LATERAL (
            SELECT s.window_start, max(s.window_end) AS window_end,
                sum(s.committed_amount + s.actual_amount + s.reserved_amount) AS used
            FROM budgets_budgetwindow s
            WHERE s.tenant_id = b.tenant_id AND s.budget_id = b.id AND s.deleted_at IS NULL AND s.window_end > now()
                AND s.window_start = (
                    SELECT max(m.window_start) FROM budgets_budgetwindow m
                    WHERE m.tenant_id = b.tenant_id AND m.budget_id = b.id AND m.deleted_at IS NULL
                        AND m.window_start <= now())
            GROUP BY s.window_start
        ) w ON true
        CROSS JOIN LATERAL (SELECT (now() AT TIME ZONE b.timezone)::date AS today) here
        WHERE b.deleted_at IS NULL AND b.start_date <= here.today AND (b.end_date IS NULL OR b.end_date > here.today)
            AND (b.recurring OR here.today < b.start_date + CASE b.period
                WHEN 'daily' THEN interval '1 day' WHEN 'weekly' THEN interval '7 days'
                WHEN 'monthly' THEN interval '1 month' WHEN 'quarterly' THEN interval '3 months'
                WHEN 'annual' THEN interval '1 year' ELSE b.end_date::timestamp - b.start_date END)
    )
    SELECT tenant_id, scope_type, CASE WHEN used >= amount THEN 'exceeded' WHEN used * 100 >= 95 * amount
        THEN 'critical' WHEN used * 100 >= 80 * amount THEN 'warning' ELSE 'normal' END AS status, count(*) AS value
    FROM standing GROUP BY 1, 2, 3
"""

register(
    StoredFigure(
        name="scoped_budgets",
        explanation="Scoped budgets in force, by how they stand in their present window.",
        labels=("scope_type", "status"),
        sql=_STANDING,
    )
)
register(
    StoredFigure(
        name="reservations",
        explanation="Reservations that are held, and those that have expired and wait to be freed.",
        labels=("state",),
        sql=(
            "SELECT tenant_id, CASE WHEN expires_at > now() THEN 'held' ELSE 'expired' END AS state, count(*) AS value "
            "FROM budgets_reservation WHERE status = 'held' AND deleted_at IS NULL GROUP BY 1, 2"
        ),
    )
)
