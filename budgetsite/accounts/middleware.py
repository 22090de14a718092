"""Which account a signed-in page request works in."""

from collections.abc import Callable
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from budgetsite.accounts.models import Account, Membership, User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.selectors import membership_in, memberships_of
from budgetsite.tenancy.scope import Scope, enter_scope

SESSION_KEY = "account_id"


class CurrentAccountMiddleware:
    """Put `account` and `role` on the request and enter the account's scope.

    The account is the session's; without one, the only one that the person belongs to. A membership that has ended
    leaves the request without an account. Requests with a bearer token are placed by the REST authentication instead.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.account, request.role = None, None  # type: ignore[attr-defined]
        # A request without a session cookie is nobody's: no query for it.
        if request.session.session_key and request.user.is_authenticated:
            place_request(request, request.user, request.session.get(SESSION_KEY))
        return self.get_response(request)


def place_request(request: HttpRequest, user: User, account_id: str | None) -> None:
    """Enter the scope of `account_id` (or of the person's only account) as `user`. No membership, no account."""
    enter_scope(Scope(user_id=user.pk))
    account, role = _account_and_role(user, account_id)
    if account is not None:
        enter_scope(Scope(tenant_id=account.pk, user_id=user.pk))
    request.account, request.role = account, role  # type: ignore[attr-defined]


def _account_and_role(user: User, account_id: str | None) -> tuple[Account | None, Role | None]:
    if user.is_superuser:
        # A platform superuser acts inside one account at a time, as its owner would.
        chosen = Account.objects.using("service").filter(pk=account_id).first() if account_id else None
        return chosen, Role.OWNER if chosen else None
    membership: Membership | None
    if account_id:
        membership = membership_in(UUID(account_id), user_id=user.pk)
    else:
        memberships = memberships_of(user)
        membership = memberships[0] if len(memberships) == 1 else None
    if membership is None:
        return None, None
    return membership.tenant, Role(membership.role)
