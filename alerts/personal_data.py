"""What alerts say of a person: which ones they answered, and with what words."""

from collections.abc import Mapping

from django.db.models import Q

from alerts.models import BudgetAlert
from budgetsite.accounts.models import User
from budgetsite.privacy.registry import (
    Contributor,
    NotificationType,
    PersonalData,
    erase_text,
    personal_rows,
    register_contributor,
    register_notification_type,
)

_ACKNOWLEDGED = ("id", "created_at", "message", "acknowledged_at", "acknowledged_comment")
_RESOLVED = ("id", "created_at", "message", "resolved_at", "resolved_comment")


def _export(person: User) -> PersonalData:
    alerts = BudgetAlert.objects.filter(Q(acknowledged_by=person) | Q(resolved_by=person))
    return PersonalData(
        tables={
            "acknowledged": personal_rows(alerts.filter(acknowledged_by=person), *_ACKNOWLEDGED),
            "resolved": personal_rows(alerts.filter(resolved_by=person), *_RESOLVED),
        }
    )


def _erase(person: User) -> Mapping[str, int]:
    return {
        "comments on alerts": erase_text(BudgetAlert, "acknowledged_comment", acknowledged_by_id=person.pk)
        + erase_text(BudgetAlert, "resolved_comment", resolved_by_id=person.pk)
    }


def register() -> None:
    register_contributor(Contributor("alerts", export=_export, erase=_erase))
    register_notification_type(
        NotificationType(
            name="budget_alerts",
            label="Alerts about budgets",
            explanation="A budget that is nearly used up, over its limit, or far from its plan.",
        )
    )
