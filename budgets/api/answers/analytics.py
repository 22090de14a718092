"""The answers of `/analytics`: figures of many budgets, one currency at a time."""

from typing import Any

from rest_framework import serializers

from budgets.api.answers.percentages import percentage
from budgets.models import BudgetStatus, EntrySource, PaymentStatus
from budgets.selectors.analytics import accuracy as accurate
from budgets.selectors.analytics.accuracy import Accuracy, AccuracyReport
from budgets.selectors.analytics.clients import ClientFigures
from budgets.selectors.analytics.inquiry import EventFigures, Figures, Inquiry
from budgets.selectors.analytics.overspend import Overspend
from budgets.selectors.analytics.overview import Overview
from budgets.selectors.analytics.payments import DUE, Payments, PaymentSums
from budgets.selectors.analytics.profit_and_loss import ProfitAndLoss
from budgets.selectors.analytics.trends import Month, Trends
from budgetsite.money import ratios
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField, PercentageField
from events.models import EventType


class FiguresAnswer(serializers.Serializer):
    currency = serializers.CharField()
    budget_count = serializers.IntegerField()
    over_budget_count = serializers.IntegerField(help_text="How many of them spent more than their plan in force has.")
    budgeted_amount = MoneyField(help_text="Of the plans in force.")
    committed_amount = MoneyField()
    actual_amount = MoneyField()
    available_amount = MoneyField()
    variance_amount = MoneyField()
    variance_percentage = PercentageField(allow_null=True)
    utilization_percentage = PercentageField()
    overrun_amount = MoneyField(help_text="What single budgets are over, added: what others save hides none of it.")
    projected_income_amount = MoneyField()
    income_amount = MoneyField()
    result_amount = MoneyField(help_text="Income less actual.")


def figures_answer(figures: Figures) -> dict[str, Any]:
    currency = figures.currency
    return {
        "currency": currency,
        "budget_count": figures.budget_count,
        "over_budget_count": figures.over_count,
        "budgeted_amount": amount_to_json(figures.budgeted, currency),
        "committed_amount": amount_to_json(figures.committed, currency),
        "actual_amount": amount_to_json(figures.actual, currency),
        "available_amount": amount_to_json(figures.available, currency),
        "variance_amount": amount_to_json(figures.variance, currency),
        "variance_percentage": percentage(figures.variance_percentage),
        "utilization_percentage": percentage(figures.utilization_percentage),
        "overrun_amount": amount_to_json(figures.overrun, currency),
        "projected_income_amount": amount_to_json(figures.projected_income, currency),
        "income_amount": amount_to_json(figures.income, currency),
        "result_amount": amount_to_json(figures.result, currency),
    }


class EventFiguresAnswer(FiguresAnswer):
    event_id = serializers.UUIDField()
    budget_id = serializers.UUIDField()
    name = serializers.CharField()
    event_type = serializers.ChoiceField(choices=EventType.choices)
    event_date = serializers.DateTimeField()
    client_id = serializers.UUIDField(allow_null=True)
    status = serializers.ChoiceField(choices=BudgetStatus.choices)
    overrun_percentage = PercentageField(allow_null=True, help_text="Of budgeted; null when nothing was budgeted.")


def event_figures_answer(row: EventFigures) -> dict[str, Any]:
    return {
        **figures_answer(row.figures),
        "event_id": str(row.event.event_id),
        "budget_id": str(row.event.budget_id),
        "name": row.event.name,
        "event_type": row.event.event_type,
        "event_date": row.event.event_date.isoformat(),
        "client_id": None if row.client_id is None else str(row.client_id),
        "status": row.status,
        "overrun_percentage": percentage(ratios.share_percentage(row.figures.overrun, row.figures.budgeted)),
    }


class AsOfAnswer(serializers.Serializer):
    as_of = serializers.DateTimeField(
        help_text="The clock that decides what is overdue and what is past: the last quarter of an hour. Money is as"
        " it stands now."
    )


def as_of_answer(inquiry: Inquiry) -> dict[str, str]:
    return {"as_of": inquiry.as_of.isoformat()}


class MonthAnswer(serializers.Serializer):
    month = serializers.CharField(help_text="Such as 2026-07, of the account's calendar.")
    spent_amount = MoneyField(help_text="What was billed less what came back; income is no spend.")
    committed_amount = MoneyField(help_text="What was promised less what was settled or released.")
    received_amount = MoneyField(help_text="Income that came in.")


def month_answer(month: Month, currency: str) -> dict[str, Any]:
    return {
        "month": format(month.first, "%Y-%m"),
        "spent_amount": amount_to_json(month.spent, currency),
        "committed_amount": amount_to_json(month.committed, currency),
        "received_amount": amount_to_json(month.received, currency),
    }


class TrendsAnswer(AsOfAnswer):
    currency = serializers.CharField()
    timezone = serializers.CharField(help_text="The account's: its midnights divide the months.")
    spent_amount = MoneyField()
    average_spent_amount = MoneyField(help_text="In a month.")
    received_amount = MoneyField()
    months = MonthAnswer(many=True, help_text="Without gaps: a month in which nothing moved has zeros.")


def trends_answer(found: Trends) -> dict[str, Any]:
    currency = found.currency
    return {
        "currency": currency,
        "timezone": found.zone,
        "spent_amount": amount_to_json(found.spent, currency),
        "average_spent_amount": amount_to_json(found.average_spent, currency),
        "received_amount": amount_to_json(found.received, currency),
        "months": [month_answer(month, currency) for month in found.months],
    }


class PaymentSumsAnswer(serializers.Serializer):
    count = serializers.IntegerField()
    amount = MoneyField(help_text="What the expenses are for, billed or not.")
    billed_amount = MoneyField()
    paid_amount = MoneyField()
    owed_amount = MoneyField(help_text="Billed and not paid.")


def payment_sums_answer(sums: PaymentSums, currency: str) -> dict[str, Any]:
    return {
        "count": sums.count,
        "amount": amount_to_json(sums.amount, currency),
        "billed_amount": amount_to_json(sums.billed, currency),
        "paid_amount": amount_to_json(sums.paid, currency),
        "owed_amount": amount_to_json(sums.owed, currency),
    }


class StatusPaymentsAnswer(PaymentSumsAnswer):
    payment_status = serializers.ChoiceField(choices=PaymentStatus.choices)


class DuePaymentsAnswer(PaymentSumsAnswer):
    due = serializers.ChoiceField(choices=DUE, help_text="`soon` is today and the 30 days after it.")


class CurrencyPaymentsAnswer(PaymentSumsAnswer):
    currency = serializers.CharField()


class PaymentsAnswer(AsOfAnswer):
    currency = serializers.CharField(help_text="Expenses count in the currency that they are billed in.")
    total = PaymentSumsAnswer(help_text="Of all that is not cancelled.")
    by_status = StatusPaymentsAnswer(many=True, help_text="Every status is there. Overdue goes before the others.")
    by_due = DuePaymentsAnswer(many=True, help_text="Of what is neither paid nor cancelled, by its next due date.")
    other_currencies = CurrencyPaymentsAnswer(many=True)


def payments_answer(found: Payments) -> dict[str, Any]:
    currency = found.currency
    return {
        "currency": currency,
        "total": payment_sums_answer(found.total, currency),
        "by_status": [
            {"payment_status": status, **payment_sums_answer(sums, currency)}
            for status, sums in found.by_status.items()
        ],
        "by_due": [{"due": due, **payment_sums_answer(sums, currency)} for due, sums in found.by_due.items()],
        "other_currencies": [{"currency": code, **payment_sums_answer(sums, code)} for code, sums in found.others],
    }


class OverviewAnswer(FiguresAnswer, AsOfAnswer):
    open = FiguresAnswer(help_text="Of the budgets that are not closed.")
    other_currencies = FiguresAnswer(many=True, help_text="Amounts in different currencies are never added.")
    in_review_count = serializers.IntegerField(help_text="Plans that wait for approval, in any currency.")
    waiting_expense_count = serializers.IntegerField(help_text="Expenses that wait for approval, in any currency.")
    owed_amount = MoneyField(help_text="Billed and not paid.")
    overdue_amount = MoneyField()
    due_soon_amount = MoneyField(help_text="Due today or within 30 days.")
    spent_this_month_amount = MoneyField()
    spent_in_twelve_months_amount = MoneyField()
    most_overspent = EventFiguresAnswer(many=True, help_text="At most five, the worst first.")


def overview_answer(found: Overview) -> dict[str, Any]:
    currency = found.figures.currency
    return {
        **figures_answer(found.figures),
        "open": figures_answer(found.open),
        "other_currencies": [figures_answer(figures) for figures in found.others],
        "in_review_count": found.in_review_count,
        "waiting_expense_count": found.waiting_expense_count,
        "owed_amount": amount_to_json(found.payments.total.owed, currency),
        "overdue_amount": amount_to_json(found.overdue_amount, currency),
        "due_soon_amount": amount_to_json(found.due_soon_amount, currency),
        "spent_this_month_amount": amount_to_json(found.this_month.spent, currency),
        "spent_in_twelve_months_amount": amount_to_json(found.trends.spent, currency),
        "most_overspent": [event_figures_answer(row) for row in found.worst],
    }


class ClientFiguresAnswer(FiguresAnswer):
    client_id = serializers.UUIDField(allow_null=True, help_text="Null for the events that name no client.")
    client = serializers.CharField(allow_blank=True)


class ClientsAnswer(AsOfAnswer):
    currency = serializers.CharField()
    clients = ClientFiguresAnswer(many=True, help_text="Those with the most money first.")


def client_answer(row: ClientFigures) -> dict[str, Any]:
    return {
        **figures_answer(row.figures),
        "client_id": None if row.client_id is None else str(row.client_id),
        "client": row.name,
    }


class IncomeLineAnswer(serializers.Serializer):
    line_item_id = serializers.UUIDField()
    name = serializers.CharField()
    projected_amount = MoneyField()
    received_amount = MoneyField()


class CategoryCostsAnswer(serializers.Serializer):
    category_id = serializers.UUIDField(allow_null=True, help_text="Null for what stands on no line.")
    category = serializers.CharField()
    budgeted_amount = MoneyField()
    committed_amount = MoneyField()
    actual_amount = MoneyField()


class SourceCostsAnswer(serializers.Serializer):
    committed_amount = MoneyField()
    actual_amount = MoneyField()


class NamedSourceCostsAnswer(SourceCostsAnswer):
    source = serializers.ChoiceField(choices=EntrySource.choices)  # type: ignore[assignment]


class ProfitAndLossAnswer(EventFiguresAnswer, AsOfAnswer):
    planned_result_amount = MoneyField(help_text="Projected income less budgeted.")
    expected_result_amount = MoneyField(help_text="The result once everything promised is billed.")
    income_lines = IncomeLineAnswer(many=True)
    costs = CategoryCostsAnswer(many=True)
    registrations = SourceCostsAnswer(help_text="The part of the costs that comes from registrations.")
    sources = NamedSourceCostsAnswer(many=True, help_text="The same costs by where they come from.")


def profit_and_loss_answer(found: ProfitAndLoss) -> dict[str, Any]:
    currency = found.row.figures.currency
    registrations = found.registrations
    return {
        **event_figures_answer(found.row),
        "planned_result_amount": amount_to_json(found.planned_result, currency),
        "expected_result_amount": amount_to_json(found.expected_result, currency),
        "income_lines": [
            {
                "line_item_id": str(line.line_item_id),
                "name": line.name,
                "projected_amount": amount_to_json(line.planned, currency),
                "received_amount": amount_to_json(line.received, currency),
            }
            for line in found.income
        ],
        "costs": [
            {
                "category_id": None if cost.category_id is None else str(cost.category_id),
                "category": cost.name,
                "budgeted_amount": amount_to_json(cost.planned, currency),
                "committed_amount": amount_to_json(cost.committed, currency),
                "actual_amount": amount_to_json(cost.actual, currency),
            }
            for cost in found.costs
        ],
        "registrations": {
            "committed_amount": amount_to_json(registrations.committed, currency),
            "actual_amount": amount_to_json(registrations.actual, currency),
        },
        "sources": [
            {
                "source": one.source,
                "committed_amount": amount_to_json(one.committed, currency),
                "actual_amount": amount_to_json(one.actual, currency),
            }
            for one in found.sources
        ],
    }


class AccuracyFiguresAnswer(serializers.Serializer):
    count = serializers.IntegerField()
    over_count = serializers.IntegerField()
    budgeted_amount = MoneyField()
    actual_amount = MoneyField()
    deviation_percentage = PercentageField(
        allow_null=True, help_text="Of all together: actual less budgeted, in percent of budgeted."
    )
    mean_absolute_deviation_percentage = PercentageField(allow_null=True, help_text="Over or under, each plan alike.")
    mean_deviation_percentage = PercentageField(
        allow_null=True, help_text="Over and under make up for each other: what stays is a habit."
    )


class EventTypeAccuracyAnswer(AccuracyFiguresAnswer):
    event_type = serializers.ChoiceField(choices=EventType.choices)


class CategoryAccuracyAnswer(AccuracyFiguresAnswer):
    category = serializers.CharField()


class PastEventAnswer(EventFiguresAnswer):
    deviation_percentage = PercentageField(allow_null=True)


class AccuracyAnswer(AccuracyFiguresAnswer, AsOfAnswer):
    currency = serializers.CharField()
    by_event_type = EventTypeAccuracyAnswer(many=True)
    by_category = CategoryAccuracyAnswer(many=True)
    events = PastEventAnswer(many=True, help_text="The latest 50; the figures are of all.")


def _accuracy_figures(found: Accuracy, currency: str) -> dict[str, Any]:
    return {
        "count": found.count,
        "over_count": found.over_count,
        "budgeted_amount": amount_to_json(found.planned, currency),
        "actual_amount": amount_to_json(found.actual, currency),
        "deviation_percentage": percentage(found.deviation),
        "mean_absolute_deviation_percentage": percentage(found.mean_absolute_deviation),
        "mean_deviation_percentage": percentage(found.mean_deviation),
    }


def accuracy_answer(found: AccuracyReport) -> dict[str, Any]:
    currency = found.currency
    return {
        "currency": currency,
        **_accuracy_figures(found.all, currency),
        "by_event_type": [{"event_type": one.name, **_accuracy_figures(one, currency)} for one in found.by_event_type],
        "by_category": [{"category": one.name, **_accuracy_figures(one, currency)} for one in found.by_category],
        "events": [
            {
                **event_figures_answer(row),
                "deviation_percentage": percentage(accurate.deviation(row.figures.budgeted, row.figures.actual)),
            }
            for row in found.events
        ],
    }


class OverspendAnswer(AsOfAnswer):
    currency = serializers.CharField()
    total = FiguresAnswer(help_text="Of all that are overspent.")
    events = EventFiguresAnswer(many=True, help_text="At most 50, those that are most over first.")


def overspend_answer(found: Overspend) -> dict[str, Any]:
    return {
        "currency": found.figures.currency,
        "total": figures_answer(found.figures),
        "events": [event_figures_answer(row) for row in found.events],
    }
