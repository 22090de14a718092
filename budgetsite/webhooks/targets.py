"""Where webhooks may be sent: to addresses of the public internet, unless the operator allows others.

An account names a URL, and the site's own network lies behind what opens it. So the address is judged when the
connection is made, after the name was resolved, and the connection goes to exactly the address that was judged: what a
name server says a moment later changes nothing (`budgetsite.webhooks.connections`).
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from budgetsite.webhooks.models import MAX_URL_LENGTH

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Public by number, and yet answered by the machine's own host or network: metadata services, protocols' own.
_NEAR = tuple(ip_network(text) for text in ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24"))
# Ways to write an IPv4 address as an IPv6 one, beside the mapped: NAT64, and whatever a network translates itself.
_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")


class UrlRefused(ValueError):
    """This is no address for a webhook. The text says what would be."""

    code = "invalid_url"


class AddressRefused(OSError):
    """The name leads to an address that webhooks are not sent to."""


def check_url(url: str) -> str:
    """Return the URL as it is stored. Raises `UrlRefused`. Names are resolved when something is sent, not here."""
    url = url.strip()
    if len(url) > MAX_URL_LENGTH:
        raise UrlRefused(f"A webhook's address has at most {MAX_URL_LENGTH} characters.")
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise UrlRefused("Write the address in plain characters, as in https://example.org/hooks.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UrlRefused("This can't be read as an address. Write one as https://example.org/hooks.") from None
    if parts.scheme not in ("https", "http") or not host or port == 0:
        raise UrlRefused("Write the whole address, as in https://example.org/hooks.")
    if parts.scheme == "http" and not allowed_networks():
        raise UrlRefused("Use https: what is sent without it can be read and changed on its way.")
    if parts.username is not None or parts.password is not None:
        raise UrlRefused("Leave name and password out of the address: the signature shows that it is us.")
    if parts.fragment:
        raise UrlRefused("Leave out what follows the #: it is never sent.")
    literal = _literal(host)
    if literal is not None and not may_be_sent_to(literal):
        raise UrlRefused("This address is not on the public internet: webhooks are not sent there.")
    if host == "localhost" and not allowed_networks():
        raise UrlRefused("This name is the machine's own: webhooks are not sent there.")
    return url


def may_be_sent_to(address: Address) -> bool:
    """Whether every reading of an address is public, or of a network that the operator allows."""
    readings = list(_readings(address))
    if any(_is_in(address, allowed_networks()) for address in readings):
        return True
    return all(
        each.is_global and not each.is_multicast and not _is_in(each, _NEAR) and not _is_site_local(each)
        for each in readings
    )


def is_allowed_by_operator(address: Address) -> bool:
    """Whether the operator named this address: then it may do without TLS, too."""
    return any(_is_in(reading, allowed_networks()) for reading in _readings(address))


def allowed_networks() -> tuple[Network, ...]:
    """Return what `WEBHOOK_ALLOWED_NETWORKS` names. Raises `ImproperlyConfigured`."""
    try:
        return tuple(ip_network(text) for text in settings.WEBHOOK_ALLOWED_NETWORKS)
    except ValueError as error:
        raise ImproperlyConfigured(f"WEBHOOK_ALLOWED_NETWORKS: {error}. Write 10.1.2.0/24,192.168.7.7/32.") from error


def _readings(address: Address) -> Iterator[Address]:
    yield address
    if isinstance(address, IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if address in _NAT64:
        yield IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _LOCAL_NAT64:
        # Nobody but that network knows what it stands for.
        yield IPv4Address(0)
    # IPv4-compatible: long gone, and understood here and there.
    if int(address) >> 32 == 0:
        yield IPv4Address(int(address))


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _is_site_local(address: Address) -> bool:
    return isinstance(address, IPv6Address) and address.is_site_local


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
