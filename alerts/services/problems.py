"""Why something about an alert or a rule is refused. Each says the cause in its name and carries the facts."""

from datetime import datetime
from uuid import UUID

from django.utils import timezone

from budgetsite.accounts.models import User


class AlertProblem(Exception):
    """A refusal that the caller can do something about; `code` names it for programs."""

    code = "refused"


class AlertNotFound(AlertProblem):
    code = "not_found"

    def __init__(self, alert_id: UUID) -> None:
        self.alert_id = alert_id
        super().__init__("There is no such alert.")


class AlreadyAcknowledged(AlertProblem):
    code = "already_acknowledged"

    def __init__(self, *, alert_id: UUID, by: User | None, at: datetime | None) -> None:
        self.alert_id, self.by, self.at = alert_id, by, at
        super().__init__(f"{_who(by)} acknowledged this alert already{_when(at)}. Nothing more has to be done.")


class AlreadyResolved(AlertProblem):
    code = "already_resolved"

    def __init__(self, *, alert_id: UUID, by: User | None, at: datetime | None, why: str) -> None:
        self.alert_id, self.by, self.at = alert_id, by, at
        if by is None:
            text = f"This alert resolved itself{_when(at)}: {why}."
        else:
            text = f"{_who(by)} resolved this alert already{_when(at)}."
        super().__init__(f"{text} A new one opens if it gets worse.")


class RuleNotFound(AlertProblem):
    code = "not_found"

    def __init__(self, rule_id: UUID) -> None:
        self.rule_id = rule_id
        super().__init__("This rule was deleted meanwhile. Make a new one.")


class RuleExists(AlertProblem):
    code = "rule_exists"

    def __init__(self, *, budget_id: UUID | None, rule_id: UUID | None) -> None:
        self.budget_id, self.rule_id = budget_id, rule_id
        whose = "The account" if budget_id is None else "This budget"
        super().__init__(f"{whose} has an alert rule already. Change that one.")


def _who(user: User | None) -> str:
    return "Somebody" if user is None else str(user)


def _when(at: datetime | None) -> str:
    """Say the moment by the clock in use, and which that is."""
    return "" if at is None else f" on {timezone.localtime(at):%d %B %Y at %H:%M %Z}"
