"""Addresses that stand in mails: of this site's pages, and signed ones that end a type of mail without a sign-in."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.urls import reverse

_SALT = "budgetsite.notifications.unsubscribe"


class BadLink(ValueError):
    def __init__(self) -> None:
        super().__init__("This link is incomplete or was changed. Open it from the mail again.")


@dataclass(frozen=True, slots=True)
class Unsubscription:
    """Which types of mail of an account a person wants to end."""

    tenant_id: UUID
    person_id: UUID
    notification_types: tuple[str, ...]


def page_address(name: str, *arguments: object) -> str:
    """Return the address of a page from anywhere."""
    return f"{settings.SITE_ADDRESS}{reverse(name, args=arguments)}"


def unsubscribe_address(*, tenant_id: UUID, person_id: UUID, notification_types: Iterable[str]) -> str:
    """Return an address that works for good: a mail may be opened years later."""
    content = [tenant_id.hex, person_id.hex, *notification_types]
    return page_address("notifications:unsubscribe", signing.dumps(content, salt=_SALT))


def read_token(token: str) -> Unsubscription:
    """Raises `BadLink`."""
    try:
        tenant, person, *types = signing.loads(token, salt=_SALT)
        return Unsubscription(UUID(tenant), UUID(person), tuple(types))
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise BadLink from error
