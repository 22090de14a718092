"""One registration with what an answer names of it, in one statement by hand: the hot paths end with it.

Of the person, the option and the slots only what is shown is read; the rest is read when somebody asks for it.
"""

from typing import Any
from uuid import UUID

from budgetsite.accounts.models import User
from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import require_tenant_id
from registrations.models import EventOption, EventRegistration, PickupSlot

# `r` is a registration: a row of the table, or what a statement has just changed.
SHOWN_COLUMNS = """r.*, u.email AS person_email, u.name AS person_name, o.option_name,
    preferred.starts_at AS preferred_start, preferred.ends_at AS preferred_end,
    assigned.starts_at AS assigned_start, assigned.ends_at AS assigned_end"""
SHOWN_JOINS = """
    JOIN accounts_user u ON u.id = r.user_id
    LEFT JOIN registrations_eventoption o ON o.tenant_id = r.tenant_id AND o.id = r.event_option_id
    LEFT JOIN registrations_pickupslot preferred
        ON preferred.tenant_id = r.tenant_id AND preferred.id = r.preferred_slot_id
    LEFT JOIN registrations_pickupslot assigned ON assigned.tenant_id = r.tenant_id AND assigned.id = r.assigned_slot_id
"""
_ONE = f"""
    SELECT {SHOWN_COLUMNS} FROM registrations_eventregistration r {SHOWN_JOINS}
    WHERE r.tenant_id = %(tenant)s AND r.id = %(registration)s AND r.event_id = %(event)s AND r.deleted_at IS NULL
        AND (%(sees_all)s OR r.user_id = %(user)s)
"""  # noqa: S608  (columns and joins are constants)


def visible_registration(registration_id: UUID, event_id: UUID, *, user_id: UUID, role: Role) -> EventRegistration:
    """Return a registration that this person may see. Raises `DoesNotExist`: somebody else's is not there."""
    parameters = {
        "tenant": require_tenant_id(),
        "registration": registration_id,
        "event": event_id,
        "sees_all": may(role, "registrations.decide"),
        "user": user_id,
    }
    found = first_shown(_ONE, parameters)
    if found is None:
        raise EventRegistration.DoesNotExist
    return found


def first_shown(statement: str, parameters: dict[str, Any]) -> EventRegistration | None:
    """Return the row of a statement that answers `SHOWN_COLUMNS`, with its person, option and slots; None for none.

    `from_db` takes values in the order of the model's fields.
    """
    row: Any = next(iter(EventRegistration.objects.raw(statement, parameters)), None)
    if row is None:
        return None
    registration: EventRegistration = row
    registration.user = User.from_db(None, ["id", "email", "name"], [row.user_id, row.person_email, row.person_name])
    if row.event_option_id is not None:
        named = [row.event_option_id, row.option_name]
        registration.event_option = EventOption.from_db(None, ["id", "option_name"], named)
    registration.preferred_slot = _slot(row.preferred_slot_id, row.preferred_start, row.preferred_end)
    registration.assigned_slot = _slot(row.assigned_slot_id, row.assigned_start, row.assigned_end)
    return registration


def _slot(slot_id: UUID | None, starts_at: Any, ends_at: Any) -> PickupSlot | None:
    if slot_id is None:
        return None
    return PickupSlot.from_db(None, ["id", "starts_at", "ends_at"], [slot_id, starts_at, ends_at])
