"""What an event comes to if what is still open costs what is planned, and the alerts that this demands.

No trend: an event's money goes out in lumps, and a straight line through them says nothing. What is known is what was
spent and promised, which expenses are still planned, and what the plan has for lines on which something is still open.
A plan that nobody has touched comes to what is planned, and so alerts nobody.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from alerts.models import AlertLevel, AlertType
from alerts.services.demands import Demand, Key
from alerts.services.following import json_rows
from alerts.services.rule_values import RuleValues
from alerts.services.steps import HUNDRED, highest, steps_of_forecast
from budgets.services.figures import BUDGET_COLUMNS, LINE_IN_FORCE, BudgetFigures
from budgetsite.money import ratios
from budgetsite.money.amounts import format_amount, quantize
from budgetsite.tenancy.scope import require_tenant_id

# The site speaks English.
_LOCALE = "en"
# Where the plan is nearly used up, in percent.
_MOST = 80

# A line is done once most of its plan is billed, nothing on it is promised and no expense waits for its bill: what is
# left of it has been saved. A first part of it is not taken for the whole. Every other line comes to its plan at least:
# to more where what is used, with the expenses that are planned, is more. An expense that waits for approval keeps its
# line open, and adds nothing.
_FORECASTS = f"""
    WITH open_expense AS (
        SELECT e.line_item_id,
               sum((e.amount - e.invoiced_amount) * coalesce(e.exchange_rate, 1)) FILTER (
                   WHERE e.stage = 'planned' AND e.approval = 'approved' AND e.amount > e.invoiced_amount) AS planned
        FROM budgets_expense e
        WHERE e.tenant_id = %(tenant)s AND e.budget_id = ANY (%(budgets)s) AND e.deleted_at IS NULL
            AND e.stage IN ('planned', 'committed') AND e.approval <> 'rejected'
        GROUP BY e.line_item_id
    ),
    line AS (
        SELECT l.id, l.budget_id, l.name, {LINE_IN_FORCE} AS budgeted, l.committed_amount AS committed,
               l.actual_amount AS actual, coalesce(x.planned, 0) AS planned,
               l.actual_amount > 0 AND l.actual_amount * 100 >= {LINE_IN_FORCE} * {_MOST}
                   AND l.committed_amount = 0 AND x.line_item_id IS NULL AS is_done
        FROM budgets_budgetlineitem l LEFT JOIN open_expense x ON x.line_item_id = l.id
        WHERE l.tenant_id = %(tenant)s AND l.budget_id = ANY (%(budgets)s) AND l.deleted_at IS NULL
            AND l.kind = 'cost'
    ),
    ahead AS (
        SELECT budget_id,
               sum(greatest(budgeted - committed - actual, planned, 0)) FILTER (WHERE NOT is_done) AS to_come,
               sum(planned) AS planned,
               jsonb_agg(to_jsonb(line) ORDER BY id) FILTER (
                   WHERE budgeted > 0 AND actual <= budgeted AND committed + actual + planned > budgeted) AS lines
        FROM line GROUP BY budget_id
    )
    SELECT {BUDGET_COLUMNS}, coalesce(ahead.to_come, 0), coalesce(ahead.planned, 0), ahead.lines
    FROM budgets_eventbudget b LEFT JOIN ahead ON ahead.budget_id = b.id
    WHERE b.tenant_id = %(tenant)s AND b.id = ANY (%(budgets)s) AND b.deleted_at IS NULL
    ORDER BY b.id
"""  # noqa: S608  (the columns are constants)


@dataclass(frozen=True, slots=True)
class LineForecast:
    """A line that is within its plan so far, and beyond it once what is promised and planned on it is billed."""

    line_item_id: UUID
    name: str
    budgeted: Decimal
    committed: Decimal
    actual: Decimal
    planned: Decimal

    @property
    def total(self) -> Decimal:
        return self.committed + self.actual + self.planned


@dataclass(frozen=True, slots=True)
class EventForecast:
    """`to_come` is what is neither spent nor promised yet, `planned` the expenses that are noted of it; both in the
    budget's currency, as `total`. `lines` are those that head beyond their plan.
    """

    figures: BudgetFigures
    to_come: Decimal
    planned: Decimal
    lines: Sequence[LineForecast] = ()

    @property
    def total(self) -> Decimal:
        """What the event comes to: spent, promised and still to come."""
        return self.figures.actual + self.figures.committed + self.to_come

    @property
    def is_untouched(self) -> bool:
        """Whether the plan is all that there is."""
        return not (self.figures.actual or self.figures.committed or self.planned)


def event_forecasts(budget_ids: Collection[UUID]) -> dict[UUID, EventForecast]:
    """Return the forecasts of the live budgets among these. One statement."""
    parameters: dict[str, Any] = {"tenant": require_tenant_id(), "budgets": list(budget_ids)}
    with connection.cursor() as cursor:
        cursor.execute(_FORECASTS, parameters)
        found = [_forecast(row) for row in cursor.fetchall()]
    return {forecast.figures.budget_id: forecast for forecast in found}


def forecast_demands(forecast: EventForecast, rule: RuleValues) -> dict[Key, Demand]:
    """Return the alerts about where a budget and its lines are heading: beyond the plan, or to the rule's thresholds.

    Once a budget or line is over its plan, over_budget and line_item_overrun say all there is to say.
    """
    currency = forecast.figures.currency
    of_lines = (_of_line(line, currency) for line in forecast.lines if line.total > line.budgeted)
    return {demand.key: demand for demand in (*_of_budget(forecast, rule), *of_lines)}


def _of_budget(forecast: EventForecast, rule: RuleValues) -> Iterator[Demand]:
    figures, total = forecast.figures, forecast.total
    if forecast.is_untouched or figures.actual > figures.budgeted:
        return
    # Where nothing is budgeted there is nothing to head beyond, but for an amount that somebody has set.
    reached = (step for step in steps_of_forecast(figures, total, rule) if figures.budgeted or step.amount is not None)
    step = highest(reached)
    if step is None:
        return
    overrun = ratios.overrun(figures.budgeted, total)
    yield Demand(
        alert_type=AlertType.FORECAST_OVERRUN,
        line_item_id=None,
        level=step.level,
        threshold=step.threshold,
        utilization=figures.utilization_percentage,
        overrun=overrun,
        message=_message(forecast, overrun, step.mark(figures.currency)),
        threshold_amount=step.amount,
    )


def _message(forecast: EventForecast, overrun: Decimal, mark: str) -> str:
    figures = forecast.figures
    # The type names what it is about; where the budget holds, only a threshold is reached.
    news = f"Heading for {mark}"
    if overrun and figures.budgeted:
        news = f"Heading {format_amount(overrun, figures.currency, _LOCALE)} {figures.currency} over budget"
    assumed = "if what is still open costs what is planned" if forecast.to_come else "once all promised is billed"
    parts = ((figures.actual, "spent"), (figures.committed, "promised"), (forecast.to_come, "still to come"))
    return f"{news} {assumed}: {_sum(parts, figures.budgeted, figures.currency)}."


def _of_line(line: LineForecast, currency: str) -> Demand:
    over = line.total - line.budgeted
    parts = ((line.actual, "spent"), (line.committed, "promised"), (line.planned, "in planned expenses"))
    return Demand(
        alert_type=AlertType.FORECAST_OVERRUN,
        line_item_id=line.line_item_id,
        level=AlertLevel.WARNING,
        threshold=HUNDRED,
        utilization=ratios.utilization_percentage(line.budgeted, line.committed, line.actual),
        overrun=over,
        message=(
            f"“{line.name}” is heading {format_amount(over, currency, _LOCALE)} {currency} over its plan "
            f"once all of it is billed: {_sum(parts, line.budgeted, currency)}."
        ),
    )


def _sum(parts: Iterable[tuple[Decimal, str]], budgeted: Decimal, currency: str) -> str:
    """Write what there is of a plan: "10.00 spent and 5.00 promised make 15.00 of 12.00 (125.00%)"."""
    found = [(amount, f"{format_amount(amount, currency, _LOCALE)} {what}") for amount, what in parts if amount]
    told = [text for _amount, text in found]
    whole = sum((amount for amount, _text in found), Decimal(0))
    text = " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)
    if len(told) > 1:
        text += f" make {format_amount(whole, currency, _LOCALE)}"
    share = ratios.share_percentage(whole, budgeted)
    of_plan = ", nothing budgeted" if share is None else f" of {format_amount(budgeted, currency, _LOCALE)} ({share}%)"
    return text + of_plan


def _forecast(row: Sequence[Any]) -> EventForecast:
    *figures, to_come, planned, lines = row
    budget = BudgetFigures.from_row(figures)
    return EventForecast(
        figures=budget,
        # Planned expenses in another currency are converted exactly, and rounded once.
        to_come=quantize(to_come, budget.currency),
        planned=quantize(planned, budget.currency),
        lines=[_line(line, budget.currency) for line in json_rows(lines)],
    )


def _line(row: Mapping[str, Any], currency: str) -> LineForecast:
    return LineForecast(
        line_item_id=UUID(row["id"]),
        name=row["name"],
        budgeted=row["budgeted"],
        committed=row["committed"],
        actual=row["actual"],
        planned=quantize(row["planned"], currency),
    )
