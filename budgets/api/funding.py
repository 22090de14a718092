"""`/event-budgets/{id}/funding`: the scoped budget that pays for an event's, and letting another one pay."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api import answers
from budgets.api.event_budget import BudgetViewSet
from budgets.models import EventBudget
from budgets.selectors.funding import Funding, funding_of
from budgets.services import funding_change as problems
from budgets.services.funding_change import FundingMove, look_at_funding, set_funding
from budgets.services.funding_figures import Part
from budgets.services.scoped_problems import FundingDoesNotFit
from budgetsite.api.errors import field_error, forbidden_with, translate_problems
from budgetsite.api.refusals import Conflict
from budgetsite.money.amounts import usage_to_json

_LONGEST_REASON = 2000


class FundingInput(serializers.Serializer):
    scoped_budget_id = serializers.UUIDField(allow_null=True, help_text="Null: nothing pays any more.")
    reason = serializers.CharField(max_length=_LONGEST_REASON, required=False, allow_blank=True, default="")
    override = serializers.BooleanField(
        required=False, default=False, help_text="Let go what is promised where it does not fit, with a reason."
    )
    dry_run = serializers.BooleanField(
        required=False, default=False, help_text="Say what would move, and where it would not fit; store nothing."
    )


class RoomAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    has_room = serializers.BooleanField(help_text="Whether anything may still be promised.")
    remaining = serializers.CharField(
        allow_null=True, help_text="What is left in its window now; null for those who may not see scoped budgets."
    )


class FundingAnswer(serializers.Serializer):
    """`chain`: the budget that pays and all above it, from the one that pays up to the top."""

    funded_by = answers.FunderAnswer(allow_null=True)
    currency = serializers.CharField()
    room = serializers.CharField(
        allow_null=True,
        help_text="What may still be promised before one of them refuses; null where none does, and for those who may "
        "not see scoped budgets.",
    )
    chain = RoomAnswer(many=True)


class MovedPartAnswer(serializers.Serializer):
    budget_id = serializers.UUIDField()
    name = serializers.CharField()
    window_start = serializers.DateTimeField()
    window_end = serializers.DateTimeField()
    committed = serializers.CharField()
    actual = serializers.CharField()
    remaining_before = serializers.CharField()
    remaining_after = serializers.CharField()


class FundingRefusal(serializers.Serializer):
    budget_id = serializers.UUIDField()
    name = serializers.CharField()
    scope_type = serializers.CharField()
    scope_id = serializers.CharField()
    reason = serializers.CharField()
    action = serializers.CharField()
    remaining = serializers.CharField()
    currency = serializers.CharField()


class FundingMoveAnswer(serializers.Serializer):
    dry_run = serializers.BooleanField()
    changes = serializers.BooleanField(help_text="False when it pays already.")
    can_move = serializers.BooleanField(help_text="Whether what is promised fits where it goes.")
    leaving = MovedPartAnswer(many=True, help_text="What goes out of the windows of those that paid.")
    joining = MovedPartAnswer(many=True, help_text="What goes into the windows of those that will pay.")
    refusals = FundingRefusal(many=True)
    funding = FundingAnswer(help_text="How it stands now.")


class FundingViewSet(BudgetViewSet):
    # What one role sees of it, the answer says; a client sees none of it.
    actions = {"retrieve": "budgets.view_internals", "create": "scoped_budgets.change"}
    tags = ["event budgets"]

    @extend_schema(summary="Read which scoped budget pays, and what is left there", responses=FundingAnswer)
    def retrieve(self, request: Request, budget_id: UUID) -> Response:
        return Response(self._funding(self.find(budget_id)))

    @extend_schema(
        summary="Let another scoped budget pay, or none", request=FundingInput, responses={200: FundingMoveAnswer}
    )
    def create(self, request: Request, budget_id: UUID) -> Response:
        """What was promised and spent moves along, into the windows that hold its time. 409 `funding_exhausted` with
        `refusals` when what is promised does not fit there, unless it is overridden with a reason.
        """
        budget = self.find(budget_id)
        values = self.read(FundingInput)
        now, dry_run = timezone.now(), values.pop("dry_run")
        if dry_run:
            move = look_at_funding(budget=budget, scoped_budget_id=values["scoped_budget_id"], now=now)
        else:
            move = set_funding(budget_id=budget.pk, acting_user=self.user, acting_role=self.role, now=now, **values)
        return Response(_move_answer(move, self._funding(self.find(budget_id)), dry_run=dry_run))

    def _funding(self, budget: EventBudget) -> dict[str, Any]:
        found = funding_of(budget.funded_by_id, now=timezone.now())
        return _funding_answer(budget, found, with_figures=self.allows("scoped_budgets.view"))


def _funding_answer(budget: EventBudget, funding: Funding | None, *, with_figures: bool) -> dict[str, Any]:
    currency = budget.currency
    if funding is None:
        return {"funded_by": None, "currency": currency, "room": None, "chain": []}
    chain = [
        {
            "id": str(place.standing.budget.id),
            "name": place.standing.budget.name,
            "has_room": place.has_room,
            "remaining": usage_to_json(place.standing.figures.remaining, currency) if with_figures else None,
        }
        for place in funding.places
    ]
    return {
        "funded_by": {"id": chain[0]["id"], "name": chain[0]["name"]},
        "currency": currency,
        "room": usage_to_json(funding.room, currency) if with_figures and funding.room is not None else None,
        "chain": chain,
    }


def _move_answer(move: FundingMove, funding: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
    refusals = move.refusals
    return {
        "dry_run": dry_run,
        "changes": move.changes,
        "can_move": not refusals,
        "leaving": [_part_answer(part, part.after, part.before) for part in move.leaving],
        "joining": [_part_answer(part, part.before, part.after) for part in move.joining],
        "refusals": [refusal.as_json() for refusal in refusals],
        "funding": funding,
    }


def _part_answer(part: Part, before: Any, after: Any) -> dict[str, Any]:
    currency = part.budget.currency
    return {
        "budget_id": str(part.budget.id),
        "name": part.budget.name,
        "window_start": part.window.start,
        "window_end": part.window.end,
        "committed": usage_to_json(part.committed, currency),
        "actual": usage_to_json(part.actual, currency),
        "remaining_before": usage_to_json(before.remaining, currency),
        "remaining_after": usage_to_json(after.remaining, currency),
    }


def _does_not_fit(error: FundingDoesNotFit, view: Any) -> Any:
    return Conflict(error.code, str(error), refusals=[refusal.as_json() for refusal in error.refusals])


def _at_the_funder(error: Any, view: Any) -> Any:
    attr = "scoped_budget_id" if isinstance(view, FundingViewSet) else "funded_by"
    return field_error(attr)(error, view)


translate_problems(
    {
        FundingDoesNotFit: _does_not_fit,
        problems.FunderNotFound: _at_the_funder,
        problems.FunderCurrencyDiffers: _at_the_funder,
        problems.FundingNotYours: forbidden_with(),
        problems.FundingOverrideNotYours: forbidden_with(),
    }
)
