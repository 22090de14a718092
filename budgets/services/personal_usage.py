"""What company budgets, usage and reservations say of a person, and what of it goes with the person.

Amounts, and who recorded them, stay: they are the books, and the row that they name becomes a stand-in's. What names
the person goes: a budget that is theirs is called otherwise, and other systems' metadata no longer say who it was.
None of it is part of a hash. The ledger's trigger, and the one that keeps a budget's scope, stand aside for it, in
this transaction alone, for the role that erases.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import connections, models
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from budgets.models import LedgerEntry, Reservation, ScopedBudget, ScopeType
from budgetsite.accounts.models import User
from budgetsite.privacy.registry import ERASER, erasable_rows, erase_text, personal_rows

# In the place of what named somebody, or of a text that others answered to.
ERASED_TEXT = "(erased)"

_USAGE = (
    "id", "created_at", "scoped_budget__name", "kind", "actual_delta", "currency", "occurred_at", "source", "machine",
    "description", "metadata",
)  # fmt: skip
_RESERVATION = (
    "id", "created_at", "budget__name", "amount", "settled_amount", "currency", "status", "held_at", "expires_at",
    "closed_at", "description",
)  # fmt: skip
_BUDGET = (
    "id", "created_at", "name", "description", "scope_id", "amount", "currency", "period", "start_date", "end_date",
    "tags", "deleted_at",
)  # fmt: skip


def usage_tables(person: User) -> dict[str, list[dict[str, Any]]]:
    """Return what is theirs, as an export has it; the usage that they recorded stands with their ledger entries."""
    return {
        "company_budgets": personal_rows(ScopedBudget.objects.filter(_theirs(person)), *_BUDGET),
        "reservations": personal_rows(Reservation.objects.filter(actor=person), *_RESERVATION),
        "usage_that_names_them": personal_rows(_naming(LedgerEntry.objects.all(), person), *_USAGE),
    }


def erase_usage(person: User) -> Mapping[str, int]:
    """Take the person's name and address out of their budgets and of the usage that names them."""
    return {
        "company budgets renamed": _rename_budgets(person),
        "usage without a name": _anonymize_usage(person),
        "texts of reservations": erase_text(Reservation, "description", actor_id=person.pk),
    }


def _theirs(person: User) -> Q:
    return Q(scope_type=ScopeType.USER) & (
        Q(scope_id=str(person.pk)) | Q(scope_id__iexact=person.email) | Q(scope_id__iexact=person.name)
    )


def _rename_budgets(person: User) -> int:
    budgets = erasable_rows(ScopedBudget)
    ids = list(
        budgets.filter(_theirs(person)).order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True)
    )
    renamed: set[Any] = set()
    with _standing_aside(ScopedBudget, "keep_place"):
        for rows in (budgets.filter(pk__in=ids), erasable_rows(ScopedBudget.history.model).filter(id__in=ids)):
            for row in rows:
                changed = {
                    "name": _without(row.name, person) or ERASED_TEXT,
                    "description": _without(row.description, person),
                    "tags": _without(row.tags, person),
                    # Who it is goes on being one person, whom nobody can tell any more.
                    "scope_id": str(person.pk),
                }
                if any(getattr(row, name) != value for name, value in changed.items()):
                    rows.filter(pk=row.pk).update(**changed)
                    renamed.add(row.id)
    return len(renamed)


def _anonymize_usage(person: User) -> int:
    entries = list(_naming(erasable_rows(LedgerEntry), person).values_list("pk", "metadata", "description"))
    with _standing_aside(LedgerEntry, "append_only"):
        for pk, metadata, description in entries:
            erasable_rows(LedgerEntry).filter(pk=pk).update(
                metadata=_without(metadata, person), description=_without(description, person)
            )
    return len(entries)


def _naming(entries: models.QuerySet[Any], person: User) -> models.QuerySet[Any]:
    """Return the usage whose metadata or description has the person's address or name in it."""
    said = entries.filter(scoped_budget__isnull=False).alias(said=Cast("metadata", TextField()))
    found = Q()
    for text in _names(person):
        found |= Q(said__iregex=_whole(text)) | Q(description__iregex=_whole(text))
    naming: models.QuerySet[Any] = said.filter(found)
    return naming


def _names(person: User) -> list[str]:
    """Return what tells the person from others: a first name alone is also somebody else's, or an ordinary word."""
    return [person.email, *([person.name] if " " in person.name.strip() else [])]


def _whole(text: str) -> str:
    """Return the pattern of a text that stands alone, the same to Python and PostgreSQL: ana@example.org is no part of
    di.ana@example.org.
    """
    return rf"(?<![\w.+%-]){re.escape(text)}(?![\w-]|\.\w)"


def _without(value: Any, person: User) -> Any:
    """Return a text, or each text and label of what JSON holds, with nothing left that names the person."""
    if isinstance(value, str):
        for text in _names(person):
            value = re.sub(_whole(text), ERASED_TEXT, value, flags=re.IGNORECASE)
        return value
    if isinstance(value, list):
        return [_without(each, person) for each in value]
    if isinstance(value, dict):
        return {_without(label, person): _without(each, person) for label, each in value.items()}
    return value


@contextmanager
def _standing_aside(model: type[models.Model], name: str) -> Iterator[None]:
    """Let one trigger pass the role that erases, until the end of the block.

    pgtrigger's own way puts two statements into one, which the server does not bind. After an error nothing has to be
    taken back: the setting ends with the transaction.
    """
    trigger = next(each for each in model._meta.triggers if each.name == name)  # type: ignore[attr-defined]
    with connections[ERASER].cursor() as cursor:
        cursor.execute("SELECT set_config('pgtrigger.ignore', %s, true)", [f"{{{trigger.get_pgid(model)}}}"])
        yield
        cursor.execute("SELECT set_config('pgtrigger.ignore', '', true)")
