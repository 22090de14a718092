"""django-simple-history under the tenants' policies, with the acting user of the scope."""

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models
from simple_history.models import HistoricalRecords

from budgetsite.tenancy.scope import current_scope


class TenantHistory(HistoricalRecords):  # type: ignore[misc]  # simple-history brings no types
    """Every version of a row: who, when, why. Figures that the ledger projects are left to the ledger."""

    def __init__(self, *args: Any, projections: tuple[str, ...] = (), **kwargs: Any) -> None:
        excluded = [*kwargs.pop("excluded_fields", []), *projections, "created_at", "updated_at"]
        super().__init__(*args, excluded_fields=excluded, user_model=settings.AUTH_USER_MODEL, **kwargs)

    def get_history_user(self, instance: models.Model) -> Any:
        return acting_user_reference()


def record_history(rows: models.QuerySet[Any], *, reason: str) -> None:
    """Write one history row for each of `rows` as they are now: for changes made by `update()` or SQL."""
    history = getattr(rows.model, "history", None)
    if history is None:
        return
    changed = list(rows)
    if changed:
        history.bulk_history_create(
            changed,
            batch_size=500,
            update=True,
            default_user=acting_user_reference(),
            default_change_reason=reason,
        )


def acting_user_reference() -> Any:
    """Return the scope's user as a bare reference (only its id is set, no query), or None."""
    user_id = current_scope().user_id
    return None if user_id is None else get_user_model()(pk=user_id)
