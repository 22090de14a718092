"""Writing down who saw or took away personal data, in the transaction that showed it."""

from uuid import UUID

from budgetsite.accounts.models import User
from budgetsite.privacy.models import AccessAction, PersonalDataAccess
from budgetsite.tenancy.scope import current_scope

LONGEST_PLACE = 200


def record_access(
    *,
    action: AccessAction,
    kind: str,
    place: str,
    subject: User | None = None,
    list_id: UUID | None = None,
    people: int = 1,
    actor_id: UUID | None = None,
) -> None:
    """Record that the scope's user (or `actor_id`) saw personal data at `place`: a page's name, or a command.

    It was about `subject`, or about everybody on a list: an event's or the account's `list_id`. A list with nobody
    on it is not recorded, nor is a look at oneself.
    """
    actor_id = actor_id or current_scope().user_id
    at_oneself = subject is not None and subject.pk == actor_id and action == AccessAction.VIEWED
    if at_oneself or (subject is None and not people):
        return
    PersonalDataAccess.objects.create(
        action=action,
        kind=kind,
        place=place[:LONGEST_PLACE],
        subject=subject,
        list_id=list_id,
        people=1 if subject is not None else people,
        actor_id=actor_id,
    )
