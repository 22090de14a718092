"""Letting go of what is older than the account keeps it."""

from collections.abc import Iterator
from datetime import datetime

from budgetsite.privacy.models import PersonalDataAccess
from budgetsite.privacy.registry import Outdated, erasable_rows


def outdated_accesses(before: datetime) -> Iterator[Outdated]:
    rows = erasable_rows(PersonalDataAccess).filter(created_at__lt=before).order_by("created_at", "pk")
    for row in rows.iterator(chunk_size=1000):
        yield Outdated(PersonalDataAccess._meta.db_table, str(row.pk), "the whole entry", row.created_at)


def forget_accesses(before: datetime) -> int:
    deleted, _ = erasable_rows(PersonalDataAccess).filter(created_at__lt=before).delete()
    return deleted
