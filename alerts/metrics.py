"""How many alerts are open."""

from budgetsite.operations.figures import StoredFigure, register

register(
    StoredFigure(
        name="alerts_open",
        explanation="Alerts that are open.",
        labels=("type", "level"),
        sql=(
            "SELECT tenant_id, alert_type AS type, level, count(*) AS value FROM alerts_budgetalert "
            "WHERE NOT resolved AND deleted_at IS NULL GROUP BY tenant_id, alert_type, level"
        ),
    )
)
