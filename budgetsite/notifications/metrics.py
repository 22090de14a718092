"""Figures of the mails that people are sent."""

from budgetsite.operations.figures import StoredFigure, register

_MAILS = """
    SELECT tenant_id, status, count(*) AS value FROM notifications_mail
    WHERE status IN ('gathering', 'waiting', 'sending') OR closed_at > now() - interval '1 day'
    GROUP BY tenant_id, status
"""
_OLDEST = """
    SELECT tenant_id, extract(epoch FROM now() - min(due_at)) AS value FROM notifications_mail
    WHERE status IN ('gathering', 'waiting') AND due_at <= now() GROUP BY tenant_id
"""

register(
    StoredFigure(
        name="mails",
        explanation="Mails that are open, and those that were closed within a day.",
        labels=("status",),
        sql=_MAILS,
    )
)
register(
    StoredFigure(
        name="mails_overdue_seconds",
        explanation="How long the mail waits that was to be sent first.",
        sql=_OLDEST,
        together="max",
    )
)
