"""Telling the outbox that a budget has changed, within the statement that changes it."""

from budgetsite.outbox.services import INSERT_EVENT

# Of `BUDGET_COLUMNS`, one by one.
_NAMES = (
    "id, event_id, currency, status, version, in_force, committed, actual, variance, variance_percentage, lines_total"
)


def telling(update: str) -> str:
    """Return the statement that makes `update` and tells of it; `update` returns `BUDGET_COLUMNS`, and so does this.

    Its parameters `tenant` and `actor` are the scope's. The caller holds the budget's lock from then on, so that its
    events come in the order of its changes; it calls `relay_after_commit`.
    """
    return f"""
        WITH changed ({_NAMES}) AS ({update}), told AS (
            {INSERT_EVENT}
            SELECT gen_random_uuid(), %(tenant)s, 'budget.changed', 'event_budget', c.id,
                jsonb_build_object('version', c.version), %(actor)s
            FROM changed c
        )
        SELECT * FROM changed
    """
