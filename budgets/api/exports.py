"""`/event-budgets/{id}/export`: the plan as a file."""

from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from budgets.api.event_budget import BudgetViewSet
from budgets.services.plan_export import CONTENT_TYPES, PlanFormat, export_plan
from budgetsite.api.refusals import field_refusal
from budgetsite.api.schema import ErrorAnswerSerializer
from budgetsite.pages.downloads import download


class PlanExportViewSet(BudgetViewSet):
    """Answers a file; refusals are JSON as everywhere."""

    actions = {"retrieve": "budgets.view"}

    @extend_schema(
        summary="Export a plan as CSV or XLSX",
        description="The columns are the import's: `section`, `category`, `name`, `description`, `budgeted_amount`, "
        "`actual_amount`, `notes`, `sort_order`, so that the file imports again to the same lines. Text that a "
        "spreadsheet program would run as a formula has an apostrophe in front, which the import takes away. What is "
        "on no line (promises, unallocated spending, the budget's own total) is not in the file.",
        parameters=[
            OpenApiParameter(
                "format",
                enum=PlanFormat.values,
                default=PlanFormat.CSV.value,
                description="`csv`: UTF-8 with a byte order mark, commas, decimal points. `xlsx`: one sheet.",
            )
        ],
        responses={
            (200, CONTENT_TYPES[PlanFormat.CSV]): OpenApiResponse(OpenApiTypes.BINARY, "The file."),
            (200, CONTENT_TYPES[PlanFormat.XLSX]): OpenApiResponse(OpenApiTypes.BINARY, "The file."),
            400: ErrorAnswerSerializer,
        },
    )
    def retrieve(self, request: Request, budget_id: UUID) -> HttpResponse:
        budget = self.find(budget_id)
        wanted = request.query_params.get("format", PlanFormat.CSV.value)
        if wanted not in PlanFormat.values:
            raise field_refusal("format", "invalid_choice", f"Choose one of: {', '.join(PlanFormat.values)}.")
        file = export_plan(budget, plan_format=PlanFormat(wanted))
        return download(file.content, filename=file.filename, content_type=file.content_type)
