"""Who may call what: each view names the actions of the role table (`budgetsite.accounts.permissions`) behind it.

    actions = {"list": "budgets.view", "create": "budgets.change"}

The keys are a view set's actions, or a plain view's methods ("get"). A view that forgets one does not start.
"""

from collections.abc import Iterator
from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from budgetsite.accounts.permissions import PERMISSIONS, may, who_may
from budgetsite.api.machines import api_key_of, refuse_unlisted

# For what every member of the account may do, whatever their role; no machine is one.
ANY_MEMBER = "any_member"


class UndeclaredAction(TypeError):
    """A view answers a method without saying who may call it."""

    def __init__(self, view: type, name: str) -> None:
        super().__init__(
            f"{view.__module__}.{view.__qualname__} does not say who may call {name!r}: "
            "name an action of budgetsite.accounts.permissions in its `actions`."
        )


class RolePermission(BasePermission):
    """401 for a stranger, 403 for who has no account or not the right; rows are the queryset's affair.

    People's rights are their role's, a machine's the actions of its key.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated:
            return False
        role, key = getattr(request._request, "role", None), api_key_of(request)
        if getattr(request._request, "account", None) is None or (role is None and key is None):
            raise PermissionDenied(
                "Choose an account: you belong to none, to several, or not to the one named.", code="no_account"
            )
        name = called_name(request, view)
        # A method that the view does not have is answered 405, by whoever asks.
        if name is None:
            return True
        action = view.actions.get(name)
        if action is None:
            raise UndeclaredAction(type(view), name)
        if key is not None:
            refuse_unlisted(key, action)
        elif action != ANY_MEMBER and not may(role, action):
            raise PermissionDenied(f"Your role in this account does not allow this. {who_may(action)}")
        return True


def called_name(request: Request, view: Any) -> str | None:
    """Return the view set's action, or a plain view's method, that this request calls; None when there is none."""
    # Django answers HEAD by what answers GET.
    method = "get" if request.method == "HEAD" else (request.method or "").lower()
    action_map = getattr(view, "action_map", None)
    if action_map is None:
        return method if hasattr(view, method) else None
    name: str | None = action_map.get(method)
    return name


def undeclared_actions(view: type, names: list[str]) -> Iterator[UndeclaredAction | KeyError]:
    """Yield what is wrong with a view's `actions`: names that it lacks, actions that the role table does not know."""
    declared = getattr(view, "actions", {})
    for name in names:
        action = declared.get(name)
        if action is None:
            yield UndeclaredAction(view, name)
        elif action != ANY_MEMBER and action not in PERMISSIONS:
            yield KeyError(f"{view.__qualname__} names the action {action!r}, which the role table does not know.")
