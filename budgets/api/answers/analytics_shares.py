"""The answer of `/analytics/categories`: shares of a plan beside what is typical."""

from typing import Any

from rest_framework import serializers

from budgets.api.answers.analytics import AsOfAnswer
from budgets.api.answers.percentages import percentage
from budgets.selectors.analytics import shares
from budgets.selectors.analytics.categories import Categories, CategoryFigures
from budgets.selectors.analytics.shares import ShareStatistics, TypicalShare
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField, PercentageField

TYPICAL_SOURCES = (shares.OWN_EVENTS, shares.BENCHMARK)
COMPARISONS = (shares.ABOVE, shares.USUAL, shares.BELOW)


class ShareStatisticsAnswer(serializers.Serializer):
    event_count = serializers.IntegerField()
    mean_share = PercentageField()
    median_share = PercentageField()
    lower_quartile_share = PercentageField()
    upper_quartile_share = PercentageField()


def share_statistics_answer(found: ShareStatistics | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "event_count": found.event_count,
        "mean_share": percentage(found.mean),
        "median_share": percentage(found.median),
        "lower_quartile_share": percentage(found.lower_quartile),
        "upper_quartile_share": percentage(found.upper_quartile),
    }


class TypicalShareAnswer(serializers.Serializer):
    share = PercentageField()
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=TYPICAL_SOURCES,
        help_text="`own_events`: the median of five or more past events of the account; else the category's benchmark.",
    )


def typical_answer(typical: TypicalShare | None) -> dict[str, Any] | None:
    return None if typical is None else {"share": percentage(typical.share), "source": typical.source}


class CategoryRowAnswer(serializers.Serializer):
    category_id = serializers.UUIDField()
    category = serializers.CharField()
    line_count = serializers.IntegerField()
    budgeted_amount = MoneyField()
    committed_amount = MoneyField()
    actual_amount = MoneyField()
    variance_amount = MoneyField()
    variance_percentage = PercentageField(allow_null=True)
    share_of_plan = PercentageField(allow_null=True, help_text="Of what all categories have planned.")
    share_of_spend = PercentageField(allow_null=True, help_text="Of what all categories have spent.")
    benchmark_share = PercentageField(allow_null=True)
    benchmark_allocation_share = PercentageField(
        allow_null=True,
        help_text="The benchmark divided by `benchmark_total`: these add up to 100 and allocate a total.",
    )
    typical = TypicalShareAnswer(allow_null=True)
    share_statistics = ShareStatisticsAnswer(allow_null=True, help_text="Null with fewer than five past events.")
    beside_typical_points = PercentageField(
        allow_null=True, help_text="By how many percentage points the planned share is above the typical one."
    )
    compared = serializers.ChoiceField(choices=COMPARISONS, allow_null=True)
    hint = serializers.CharField(allow_blank=True)


class UnallocatedAnswer(serializers.Serializer):
    budgeted_amount = MoneyField()
    committed_amount = MoneyField()
    actual_amount = MoneyField()


class CategoriesAnswer(AsOfAnswer):
    currency = serializers.CharField()
    benchmark_total = PercentageField(
        help_text="What the benchmarks of all categories add up to. They are typical shares, of which an event has"
        " some: more than 100. Divide by this to allocate a total."
    )
    categories = CategoryRowAnswer(many=True)
    on_no_line = UnallocatedAnswer(help_text="What the budgets have beside their lines.")


def _category_row_answer(found: Categories, row: CategoryFigures) -> dict[str, Any]:
    currency = found.figures.currency
    return {
        "category_id": str(row.category_id),
        "category": row.name,
        "line_count": row.line_count,
        "budgeted_amount": amount_to_json(row.planned, currency),
        "committed_amount": amount_to_json(row.committed, currency),
        "actual_amount": amount_to_json(row.actual, currency),
        "variance_amount": amount_to_json(row.variance, currency),
        "variance_percentage": percentage(row.variance_percentage),
        "share_of_plan": percentage(row.share_of_plan),
        "share_of_spend": percentage(row.share_of_spend),
        "benchmark_share": percentage(row.benchmark_share),
        "benchmark_allocation_share": percentage(found.allocation_share(row)),
        "typical": typical_answer(row.typical),
        "share_statistics": share_statistics_answer(None if row.typical is None else row.typical.statistics),
        "beside_typical_points": percentage(row.beside_typical),
        "compared": row.compared or None,
        "hint": row.hint,
    }


def categories_answer(found: Categories) -> dict[str, Any]:
    currency = found.figures.currency
    return {
        "currency": currency,
        "benchmark_total": percentage(found.benchmark_total),
        "categories": [_category_row_answer(found, row) for row in found.rows],
        "on_no_line": {
            "budgeted_amount": amount_to_json(found.planned_on_no_line, currency),
            "committed_amount": amount_to_json(found.committed_on_no_line, currency),
            "actual_amount": amount_to_json(found.actual_on_no_line, currency),
        },
    }
