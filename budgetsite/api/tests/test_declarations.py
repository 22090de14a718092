"""No endpoint without a word about who may call it; the description is complete and says what the site answers."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import get_resolver, path
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate

from budgetsite.accounts.roles import Role
from budgetsite.api.checks import check_actions_are_declared, rest_views
from budgetsite.api.permissions import RolePermission
from budgetsite.api.views import ContractViewSet


class ForgetfulViewSet(ContractViewSet):
    actions = {"create": "no.such.action"}

    def list(self, request):
        return Response([])

    def create(self, request):
        return Response({})


urlpatterns = [path("api/v1/forgotten", ForgetfulViewSet.as_view({"get": "list", "post": "create"}))]


def test_every_endpoint_says_who_may_call_it():
    assert check_actions_are_declared() == []
    declared = [
        view for view, _ in rest_views(get_resolver().url_patterns) if RolePermission in view.permission_classes
    ]
    assert len(declared) > 15


@override_settings(ROOT_URLCONF="budgetsite.api.tests.test_declarations")
def test_an_endpoint_that_forgets_is_found_at_the_start():
    problems = [problem.msg for problem in check_actions_are_declared()]
    assert len(problems) == 2
    assert "ForgetfulViewSet does not say who may call 'list'" in problems[0]
    assert "no.such.action" in problems[1]


def test_an_endpoint_that_forgets_lets_nobody_in(account, owner):
    request = APIRequestFactory().get("/api/v1/forgotten")
    force_authenticate(request, owner)
    request.account, request.role = account, Role.OWNER
    answer = ForgetfulViewSet.as_view({"get": "list"})(request)
    assert (answer.status_code, answer.data["type"]) == (500, "server_error")


def test_the_schema_is_complete_and_warns_of_nothing(db):
    written = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=written)
    assert "operationId: event_budgets_create" in written.getvalue()


@pytest.mark.parametrize("address", ["/api/schema", "/api/schema/"])
def test_the_schema_is_served_to_anybody(db, address):
    response = Client().get(address, headers={"Accept": "application/vnd.oai.openapi+json"})
    assert response.status_code == 200
    paths = response.json()["paths"]
    assert "/api/v1/event-budgets/{budget_id}/line-items/{line_item_id}" in paths
    assert not [name for name in paths if name.endswith("/")]
    post = paths["/api/v1/event-budgets"]["post"]
    assert {parameter["name"] for parameter in post["parameters"]} == {"Idempotency-Key"}
    assert set(post["responses"]) >= {"201", "400", "401", "403", "409"}
