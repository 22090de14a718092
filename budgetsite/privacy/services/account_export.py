"""The whole account taken away, which is everybody's data: recorded as such."""

from datetime import datetime
from pathlib import Path

from django.db import transaction

from budgetsite.accounts.models import Account, User
from budgetsite.privacy.models import AccessAction
from budgetsite.privacy.services.access_log import record_access
from budgetsite.tenancy.export import ExportedTable, export_tenant
from budgetsite.tenancy.scope import tenant_scope


def export_account(*, account: Account, directory: Path, place: str, now: datetime) -> list[ExportedTable]:
    """Write `export_tenant` and record that it was taken away. Raises `FolderNotEmpty`. Outside any transaction."""
    tables = export_tenant(account.pk, directory=directory, now=now)
    people = next(table.rows for table in tables if table.table == User._meta.db_table)
    with tenant_scope(account.pk), transaction.atomic():
        record_access(action=AccessAction.EXPORTED, kind="account", list_id=account.pk, people=people, place=place)
    return tables
