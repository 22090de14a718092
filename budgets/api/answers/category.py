"""A category with its figures."""

from typing import Any

from rest_framework import serializers

from budgets.api.answers.analytics_shares import ShareStatisticsAnswer, share_statistics_answer
from budgets.api.answers.percentages import percentage
from budgets.api.answers.sums import with_amounts
from budgets.models import Category
from budgets.selectors.analytics.shares import ShareStatistics
from budgetsite.money.api_fields import MoneyField, PercentageField


class CategoryFiguresAnswer(serializers.Serializer):
    currency = serializers.CharField()
    line_count = serializers.IntegerField()
    budgeted_amount = MoneyField()
    committed_amount = MoneyField()
    actual_amount = MoneyField()


class CategoryStatisticsAnswer(serializers.Serializer):
    line_count = serializers.IntegerField()
    by_currency = CategoryFiguresAnswer(many=True)
    share_of_spend = ShareStatisticsAnswer(
        allow_null=True,
        help_text="Of the share that the category had of what past events spent. Null until five or more of the past"
        " events that you may see have spent on it: `benchmark_share` is what is typical until then.",
    )


class CategoryAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    for_events = serializers.BooleanField()
    for_weddings = serializers.BooleanField()
    benchmark_share = PercentageField(
        allow_null=True,
        help_text="What is typically spent on it, in percent of the total. Typical shares add up to more than 100.",
    )
    sort_order = serializers.IntegerField()
    statistics = CategoryStatisticsAnswer(help_text="Over the lines of the budgets that you may see.")


def category_answer(
    category: Category, figures: list[dict[str, Any]], shares: ShareStatistics | None = None
) -> dict[str, Any]:
    """Describe a category with its figures, a row for each currency as `statistics_of` gives them."""
    return {
        "id": str(category.pk),
        "name": category.name,
        "for_events": category.for_events,
        "for_weddings": category.for_weddings,
        "benchmark_share": percentage(category.benchmark_share),
        "sort_order": category.sort_order,
        "statistics": {
            "line_count": sum(row["line_count"] for row in figures),
            "by_currency": [
                {name: value for name, value in with_amounts(row).items() if name != "category_id"} for row in figures
            ],
            "share_of_spend": share_statistics_answer(shares),
        },
    }
