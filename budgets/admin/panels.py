"""What the start page says about money: each panel is one or two statements, whatever the size of the account."""

from typing import Any

from django.db.models import Prefetch
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from budgets.admin.moves import STATUS_TONES, STATUS_WORDS, figures_of, waits_in_words
from budgets.models import BudgetStatus, EventBudget
from budgets.selectors.approvals import Waiting, Whose, in_review, of_whom, waiting_for_me
from budgets.services.workflow import MOVES
from budgetsite.pages.amounts import format_money
from budgetsite.pages.back_office.displays import moment
from budgetsite.pages.back_office.requests import StaffRequest
from budgetsite.pages.back_office.site import PANEL_ROWS, Panel, PanelRow, panel
from events.models import Event


@panel(10)
def budgets_to_approve(request: StaffRequest) -> Panel | None:
    if request.role not in MOVES["approve"].roles:
        return None
    mine = waiting_for_me(account=request.account, user_id=request.user.pk, role=request.role, limit=PANEL_ROWS + 1)
    return Panel(
        title="Budgets to approve",
        rows=[
            PanelRow(
                url=_budget_url(waiting.budget),
                title=waiting.budget.event.name,
                note=format_html(
                    "{}Submitted by <bdi>{}</bdi>, {}",
                    _stage(waiting),
                    waiting.budget.submitted_by,
                    moment(waiting.budget.submitted_at),
                ),
                figures=figures_of(waiting.budget),
            )
            for waiting in mine[:PANEL_ROWS]
        ],
        empty="Nothing waits for your approval. What others submit appears here.",
        more_url=_list_url("waits_for=me") if len(mine) > PANEL_ROWS else "",
        more_label="All budgets that wait for me",
    )


@panel(15)
def budgets_with_others(request: StaffRequest) -> Panel:
    asking: dict[str, Any] = {"user_id": request.user.pk, "role": request.role}
    budgets = in_review(**asking)
    mine = of_whom(budgets, Whose.MINE, account=request.account, **asking).order_by().values("pk")
    others = list(budgets.exclude(pk__in=mine)[: PANEL_ROWS + 1])
    return Panel(
        title="Budgets that wait for others",
        rows=[
            PanelRow(
                url=_budget_url(budget),
                title=budget.event.name,
                note=f"{waits_in_words(budget, now=timezone.now()).capitalize()}",
                figures=figures_of(budget),
            )
            for budget in others[:PANEL_ROWS]
        ],
        empty="Nobody else has a plan to approve.",
        more_url=_list_url("status__exact=review") if len(others) > PANEL_ROWS else "",
        more_label="All budgets in review",
    )


@panel(30)
def budgets_over_budget(request: StaffRequest) -> Panel:
    budgets = list(
        EventBudget.objects.over_budget()
        .exclude(status=BudgetStatus.ARCHIVED)
        .select_related("event")
        .order_by("variance_amount", "id")[: PANEL_ROWS + 1]
    )
    return Panel(
        title="Events over budget",
        rows=[
            PanelRow(
                url=_budget_url(budget),
                title=budget.event.name,
                note=f"{format_money(budget.overrun_amount, budget.currency)} over",
                badge=STATUS_WORDS[budget.status],
                tone=STATUS_TONES[budget.status],
                figures=figures_of(budget),
            )
            for budget in budgets[:PANEL_ROWS]
        ],
        empty="No event has spent more than was planned for it.",
        more_url=_list_url("over_budget=yes") if len(budgets) > PANEL_ROWS else "",
        more_label="All budgets over budget",
    )


@panel(40)
def upcoming_events(request: StaffRequest) -> Panel:
    events = list(
        Event.objects.filter(event_date__gt=timezone.now())
        .prefetch_related(Prefetch("budgets", queryset=EventBudget.objects.order_by("id")))
        .order_by("event_date", "id")[: PANEL_ROWS + 1]
    )
    return Panel(
        title="Upcoming events",
        rows=[_event_row(event) for event in events[:PANEL_ROWS]],
        empty="No event lies ahead. Add one, then give it a budget.",
        more_url=reverse("admin:events_event_changelist" if events else "admin:events_event_add"),
        more_label="All events" if events else "Add an event",
    )


def _stage(waiting: Waiting) -> str:
    """Return "Stage 1 of 2. ", nothing where there is only one."""
    current, stages = waiting.standing.current, waiting.standing.stages
    return f"Stage {current.number} of {len(stages)}. " if current and len(stages) > 1 else ""


def _event_row(event: Event) -> PanelRow:
    budget = next(iter(event.budgets.all()), None)
    begins = moment(event.event_date, event.timezone)
    if budget is None:
        return PanelRow(
            url=reverse("admin:events_event_change", args=[event.pk]),
            title=event.name,
            note=f"{begins}. It has no budget yet.",
        )
    return PanelRow(
        url=_budget_url(budget),
        title=event.name,
        note=begins,
        badge=STATUS_WORDS[budget.status],
        tone=STATUS_TONES[budget.status],
        figures=figures_of(budget),
    )


def _budget_url(budget: EventBudget) -> str:
    return reverse("admin:budgets_eventbudget_change", args=[budget.pk])


def _list_url(query: str) -> str:
    return f"{reverse('admin:budgets_eventbudget_changelist')}?{query}"
