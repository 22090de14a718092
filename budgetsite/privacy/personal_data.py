"""What the base itself has of a person: who they are here, what they agreed to, and the traces of what they did."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from axes.models import AccessLog
from django.db import models

from budgetsite.accounts.models import ApiKey, Membership, User
from budgetsite.api.models import KeptAnswer
from budgetsite.outbox.models import OutboxEvent
from budgetsite.privacy.models import ConsentRecord, ConsentSource, PersonalDataAccess
from budgetsite.privacy.registry import (
    ERASER,
    Contributor,
    NotificationType,
    PersonalData,
    RetentionKind,
    erasable_rows,
    personal_rows,
    register_contributor,
    register_notification_type,
    register_retention_kind,
)
from budgetsite.privacy.services.forgetting import forget_accesses, outdated_accesses
from budgetsite.tenancy.isolation import tenant_models
from budgetsite.tenancy.scope import require_tenant_id

_PERSON = ("id", "email", "name", "is_active", "date_joined", "last_login")
_MEMBERSHIP = ("role", "team__name", "created_at", "deleted_at")
_ACCESS = ("created_at", "action", "kind", "place", "actor__name")
_CONSENT = ("created_at", "notification_type", "granted", "source")
_OUTBOX = ("created_at", "kind", "subject_type", "subject_id")
_ANSWER = ("created_at", "path", "key", "status")
_SIGN_IN = ("attempt_time", "ip_address", "user_agent", "path_info", "logout_time")


def _export_account(person: User) -> PersonalData:
    return PersonalData(
        tables={
            "person": list(User.objects.filter(pk=person.pk).values(*_PERSON)),
            "memberships": personal_rows(models.QuerySet(Membership).filter(_own(user=person)), *_MEMBERSHIP),
            "sign_ins": list(
                AccessLog.objects.filter(username=person.email).order_by("attempt_time").values(*_SIGN_IN)
            ),
            "kept_answers": personal_rows(KeptAnswer.objects.filter(user=person), *_ANSWER),
        }
    )


def _erase_account(person: User) -> Mapping[str, int]:
    answers, _ = erasable_rows(KeptAnswer).filter(user_id=person.pk).delete()
    teams = erasable_rows(Membership).filter(user_id=person.pk, team__isnull=False).update(team=None)
    return {"answers kept for repeats": answers, "places in a team": teams}


def _keys_without_anybody(person: User) -> list[str]:
    """API keys work on: a machine belongs to the account, not to the person who answers for it."""
    keys = ApiKey.objects.filter(responsible=person, revoked_at=None).order_by("name", "pk")
    return [f"The API key “{key}” works on: name somebody else who is responsible for it." for key in keys]


def _member_lists(person: User) -> Mapping[UUID, datetime]:
    """The list of the account's people, since the person first stood in it."""
    first = models.QuerySet(Membership).filter(_own(user=person)).order_by("created_at").first()
    return {} if first is None else {require_tenant_id(): first.created_at}


def _own(**whose: Any) -> models.Q:
    # Past the manager, which leaves out memberships that have ended; the policies show people theirs everywhere.
    return models.Q(tenant_id=require_tenant_id(), **whose)


def _export_privacy(person: User) -> PersonalData:
    return PersonalData(
        tables={
            "consents": personal_rows(ConsentRecord.objects.filter(person=person), *_CONSENT),
            "accesses": personal_rows(PersonalDataAccess.objects.filter(subject=person), *_ACCESS),
        }
    )


def _withdraw_all(person: User) -> Mapping[str, int]:
    last = (
        erasable_rows(ConsentRecord)
        .filter(person_id=person.pk)
        .order_by("notification_type", "-position")
        .distinct("notification_type")
    )
    withdrawn = [
        ConsentRecord(
            person_id=person.pk, notification_type=said.notification_type, granted=False, source=ConsentSource.ERASURE
        )
        for said in last
        if said.granted
    ]
    ConsentRecord.objects.using(ERASER).bulk_create(withdrawn)
    return {"consents withdrawn": len(withdrawn)}


def _export_traces(person: User) -> PersonalData:
    """Every row that names the person as the one who did it, whatever table it is in: its id and its time."""
    tables: dict[str, list[dict[str, Any]]] = {
        "outbox_events": personal_rows(OutboxEvent.objects.filter(actor=person), *_OUTBOX)
    }
    for model, column in _references_to_people():
        moment = "history_date" if hasattr(model, "history_date") else "created_at"
        rows: models.QuerySet[Any] = models.QuerySet(model).filter(_own(**{column: person.pk}))
        tables[f"{model._meta.db_table}.{column}"] = list(
            rows.order_by(moment, "pk").values("id", when=models.F(moment))
        )
    return PersonalData(tables={name: rows for name, rows in tables.items() if rows})


def _references_to_people() -> Iterator[tuple[type[models.Model], str]]:
    for model in sorted(tenant_models(), key=lambda model: model._meta.db_table):
        for field in model._meta.local_fields:
            if isinstance(field, models.ForeignKey) and field.related_model is User:
                yield model, field.attname


def register() -> None:
    register_contributor(
        Contributor(
            "accounts",
            export=_export_account,
            erase=_erase_account,
            lists=_member_lists,
            stays=_keys_without_anybody,
        )
    )
    register_contributor(Contributor("privacy", export=_export_privacy, erase=_withdraw_all))
    # Who did something stays: as the row of a person who no longer has a name.
    register_contributor(Contributor("traces", export=_export_traces, erase=lambda person: {}))
    register_retention_kind(
        RetentionKind(
            name="access_log",
            label="Log of access to personal data",
            explanation="Entries go so many months after they were written.",
            outdated=outdated_accesses,
            forget=forget_accesses,
        )
    )
    register_notification_type(
        NotificationType(
            name="account_news",
            label="News of the account",
            explanation="What changes in how this account works with Budgetsite.",
        )
    )
