"""The base of every REST view of the contract."""

from typing import Any

from django.db.models import Model, Q, QuerySet
from django.http import Http404
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import serializers, viewsets
from rest_framework.exceptions import ParseError
from rest_framework.response import Response

from budgetsite.accounts.models import Account, ApiKey, User
from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role
from budgetsite.api.filters import OrderingBackend, SearchBackend
from budgetsite.api.idempotency import AnswersOnce
from budgetsite.api.machines import api_key_of


class ContractViewSet(AnswersOnce, viewsets.GenericViewSet):
    """A view set that says who may call what (`actions`), which rows are in sight (`visible`), and little else.

    A subclass sets `model`, `actions` (view set action → action of the role table) and `visible()`; `attr_names`
    where a model's field has another name in requests.
    """

    model: type[Model]
    actions: dict[str, str]
    attr_names: dict[str, str] = {}
    # name in `ordering` → column
    ordering_fields: dict[str, str] = {}
    # OPTIONS is no part of the contract; the schema says what there is.
    metadata_class = None
    filter_backends = [DjangoFilterBackend, SearchBackend, OrderingBackend]
    # Answers are described for each method, not made by one serializer.
    serializer_class = serializers.Serializer

    @property
    def account(self) -> Account:
        return self.request._request.account  # type: ignore[attr-defined]

    @property
    def role(self) -> Role:
        return self.request._request.role  # type: ignore[attr-defined]

    @property
    def user(self) -> User:
        return self.request.user  # type: ignore[return-value]

    @property
    def api_key(self) -> ApiKey | None:
        """The key of a machine that asks; None for people. Then `role` is None, and `user` is responsible for it."""
        return api_key_of(self.request)

    def allows(self, action: str) -> bool:
        """Whether the asking person's role, or the machine's key, may do `action`."""
        return may(self.role, action) if self.api_key is None else self.api_key.may(action)

    def within_reach(self, *, path: str = "path") -> Q:
        """Return the condition on the scoped budgets in reach: `ApiKey.within_reach`; for people, all."""
        return Q() if self.api_key is None else self.api_key.within_reach(path=path)

    def visible(self) -> QuerySet[Any]:
        """Return the rows that the asking person may see."""
        raise NotImplementedError

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            # The schema is made outside any tenant and only asks for the model.
            return QuerySet(self.model).none()
        return self.visible()

    def find(self, pk: Any) -> Any:
        """Return the visible row with this id. Everybody else's is a 404."""
        found = self.get_queryset().filter(pk=pk).first()
        if found is None:
            raise Http404
        return found

    def read(
        self,
        serializer_class: type[serializers.Serializer],
        *,
        partial: bool = False,
        may_be_empty: bool = False,
        **context: Any,
    ) -> dict[str, Any]:
        """Return the validated body. One that is missing altogether is a 400, unless it `may_be_empty`."""
        if not may_be_empty and not self.request.data and not int(self.request.META.get("CONTENT_LENGTH") or 0):
            raise ParseError("The request has no content. Send a JSON object with the values.")
        serializer = serializer_class(
            data=self.request.data, partial=partial, context={**self.get_serializer_context(), **context}
        )
        serializer.is_valid(raise_exception=True)
        values: dict[str, Any] = serializer.validated_data
        return values

    def page_of(self, queryset: QuerySet[Any], represent: Any) -> Response:
        """Filter, order and page `queryset`; answer each row as `represent` makes it."""
        page = self.paginate_queryset(self.filter_queryset(queryset))
        return self.get_paginated_response([represent(row) for row in page or []])
