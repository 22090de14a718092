"""What the windows of scoped budgets are made of: entries and reservations, each in every budget that it counts in."""

# One row for each movement and each budget that it counts in: `node`, its moment, committed, actual, reserved, and 1
# for an entry. `%(node)s` picks one budget, NULL means all of the account. What was spent from a deleted budget stays.
MOVED = """
    place AS (
        SELECT b.id AS leaf, p.node FROM budgets_scopedbudget b, unnest(b.path || b.id) AS p(node)
        WHERE b.tenant_id = %(tenant)s AND (%(node)s::uuid IS NULL OR p.node = %(node)s)
    ),
    moved AS (
        SELECT p.node, e.occurred_at AS at, e.committed_delta AS committed, e.actual_delta AS actual,
               0::numeric AS reserved, 1 AS entries
        FROM budgets_ledgerentry e JOIN place p ON p.leaf = e.scoped_budget_id
        WHERE e.tenant_id = %(tenant)s
        UNION ALL
        SELECT p.node, e.occurred_at, e.committed_delta, e.actual_delta, 0, 1
        FROM budgets_eventbudget b
        JOIN place p ON p.leaf = b.funded_by_id
        JOIN budgets_ledgerentry e ON e.tenant_id = b.tenant_id AND e.budget_id = b.id
        WHERE b.tenant_id = %(tenant)s AND e.kind <> 'income'
        UNION ALL
        SELECT p.node, r.held_at, 0, 0, r.held_amount, 0
        FROM budgets_reservation r JOIN place p ON p.leaf = r.budget_id
        WHERE r.tenant_id = %(tenant)s AND r.status = 'held'
    )
"""
