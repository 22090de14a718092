"""Receipts that are links: which addresses are taken."""

import ipaddress
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

from budgets.services.receipt_problems import HostNotAllowed, LinkRefused

_LONGEST = 2000
_valid = URLValidator(schemes=["https"])


def checked_link(link: str, allowed_hosts: list[str]) -> str:
    """Return the address as it is stored. Raises `LinkRefused` (`HostNotAllowed` with the hosts that are).

    Its host is exactly one of the account's: a name that allowed all below it would allow what others may register
    there. Neither names nor passwords stand in it, nor another port, nor a number instead of a host.
    """
    text = link.strip()
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise LinkRefused("This is no address. Copy it from the browser's address line.") from error
    if parts.scheme != "https":
        raise LinkRefused("A link to a receipt begins with https://.")
    if parts.username is not None or parts.password is not None or port not in (None, 443):
        raise LinkRefused("A link to a receipt holds no sign-in and no port. Copy it from the browser's address line.")
    host = (parts.hostname or "").rstrip(".").lower()
    if _is_number(host):
        raise LinkRefused("A link to a receipt names its host, not its number.")
    try:
        _valid(text)
    except ValidationError as error:
        raise LinkRefused("This is no address. Copy it from the browser's address line.") from error
    if len(text) > _LONGEST:
        raise LinkRefused(f"This address is longer than {_LONGEST} characters. Share the file by a shorter one.")
    if host not in allowed_hosts:
        raise HostNotAllowed(host, sorted(allowed_hosts))
    return text


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host.replace(".", "").isdigit()
    return True
