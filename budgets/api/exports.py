"""`/event-budgets/{id}/export`: the plan as a file."""

from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import get_language
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from budgets.api.event_budget import BudgetViewSet
from budgets.services.plan_export import CONTENT_TYPES, EXPORTED_COLUMNS, PlanFormat, export_plan
from budgets.services.plan_pdf import PDF, PDF_CONTENT_TYPE, Audience, Paper, audience_of, print_plan
from budgetsite.api.refusals import field_refusal
from budgetsite.api.schema import ErrorAnswerSerializer
from budgetsite.pages.downloads import download

_FORMATS = [*PlanFormat.values, PDF]
_FILE = OpenApiResponse(OpenApiTypes.BINARY, "The file.")


class PlanExportViewSet(BudgetViewSet):
    """Answers a file; refusals are JSON as everywhere."""

    actions = {"retrieve": "budgets.view"}

    @extend_schema(
        summary="Export a plan as CSV, XLSX or PDF",
        description=f"The columns of CSV and XLSX are {', '.join(f'`{name}`' for name in EXPORTED_COLUMNS)}: the "
        "import reads the file back to the same lines. Text that a spreadsheet program would run as a formula has an "
        "apostrophe in front, which the import takes away. What is on no line (unallocated spending, the budget's own "
        "total) is not in the file.\n\n"
        "The PDF is for print: the plan in force by category with its total; a plan that is not approved says so.",
        parameters=[
            OpenApiParameter(
                "format",
                enum=_FORMATS,
                default=PlanFormat.CSV.value,
                description="`csv`: UTF-8 with a byte order mark, commas, decimal points. `xlsx`: one sheet. `pdf`: "
                "tagged, fonts embedded.",
            ),
            OpenApiParameter(
                "audience",
                enum=Audience.values,
                default=Audience.CLIENT.value,
                description="Of a PDF. `client`: the plan alone. `team`: what was spent and promised, variances, "
                "income and notes too. A client is always given the client's.",
            ),
            OpenApiParameter(
                "paper",
                enum=Paper.values,
                description="Of a PDF. Left out, it is what the account's country is likely to print on.",
            ),
        ],
        responses={
            (200, CONTENT_TYPES[PlanFormat.CSV]): _FILE,
            (200, CONTENT_TYPES[PlanFormat.XLSX]): _FILE,
            (200, PDF_CONTENT_TYPE): _FILE,
            400: ErrorAnswerSerializer,
        },
    )
    def retrieve(self, request: Request, budget_id: UUID) -> HttpResponse:
        budget = self.find(budget_id)
        wanted = _choice(request, "format", _FORMATS) or PlanFormat.CSV.value
        audience = _choice(request, "audience", Audience.values)
        paper = _choice(request, "paper", Paper.values)
        if wanted == PDF:
            file = print_plan(
                budget_id,
                audience=audience_of(self.role, wanted=audience),
                language=get_language() or "en",
                now=timezone.now(),
                paper=Paper(paper) if paper else None,
            )
        else:
            file = export_plan(
                budget, plan_format=PlanFormat(wanted), with_internals=self.allows("budgets.view_internals")
            )
        return download(file.content, filename=file.filename, content_type=file.content_type)


def _choice(request: Request, name: str, choices: list[str]) -> str | None:
    """Return the parameter if it is given; another value than its choices is a refusal."""
    value = request.query_params.get(name)
    if value is not None and value not in choices:
        raise field_refusal(name, "invalid_choice", f"Choose one of: {', '.join(choices)}.")
    return value
