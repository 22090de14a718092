"""Amounts and the money bar in templates: `{% load money %}`."""

from decimal import Decimal
from typing import Any

from django import template

from budgetsite.money.allocation import share_in_words
from budgetsite.money.amounts import amount_to_json
from budgetsite.pages import amounts
from budgetsite.pages.money_bar import money_bar as build_money_bar

register = template.Library()


@register.filter
def amount(value: Decimal | None, currency: str) -> str:
    """`{{ line.actual_amount|amount:budget.currency }}`: grouped, no symbol; a dash for no value."""
    return amounts.NOTHING if value is None else amounts.format_amount(value, currency)


@register.filter
def signed_amount(value: Decimal, currency: str) -> str:
    """`{{ entry.actual_delta|signed_amount:currency }}`: a change, with its sign in front."""
    text = amounts.format_amount(value, currency)
    return f"+{text}" if value > 0 else text


@register.filter
def usage(value: Decimal | None, currency: str) -> str:
    """`{{ group.actual|usage:currency }}`: an amount of usage, whose fractions of a cent are shown."""
    return amounts.NOTHING if value is None else amounts.format_usage(value, currency)


@register.filter
def usage_total(value: Decimal | None, currency: str) -> str:
    """`{{ report.actual|usage_total:currency }}`: a sum of usage, in whole coins wherever it is at least one."""
    return amounts.NOTHING if value is None else amounts.format_usage_total(value, currency)


@register.filter
def signed_usage(value: Decimal, currency: str) -> str:
    """`{{ entry.actual_delta|signed_usage:currency }}`: a change by usage, whose fractions of a cent are shown."""
    text = amounts.format_usage(value, currency)
    return f"+{text}" if value > 0 else text


@register.filter
def absolute_amount(value: Decimal, currency: str) -> str:
    """`{{ delta|absolute_amount:currency }}`: without its sign, where the sentence says which way it went.

    Of usage that is over by a fraction of a coin, that fraction: nothing is over by 0.00.
    """
    return amounts.format_usage_total(abs(value), currency)


@register.filter
def money(value: Decimal | None, currency: str) -> str:
    """`{{ total|money:currency }}`: with the currency's symbol, for prose outside tables."""
    return amounts.NOTHING if value is None else amounts.format_money(value, currency)


@register.filter
def plain_amount(value: Decimal | None, currency: str) -> str:
    """`value="{{ value|plain_amount:currency }}"`: as typed into a form field."""
    return "" if value is None else amount_to_json(value, currency)


@register.filter
def quantity(value: Decimal | None) -> str:
    """`{{ line.quantity|quantity }}`: 120 or 7.5, with the decimals that it has; a dash for no value."""
    return amounts.NOTHING if value is None else amounts.format_quantity(value)


@register.filter
def exchange_rate(value: Decimal) -> str:
    """`{{ expense.exchange_rate|exchange_rate }}`: 1.148, with the decimals that it has."""
    return amounts.format_rate(value)


@register.filter
def share(value: Decimal) -> str:
    """`{{ line.value|share }}`: 33.333%, with the decimals that it has."""
    return share_in_words(value)


@register.filter
def percentage(value: Decimal | None) -> str:
    """`{{ budget.utilization_percentage|percentage }}`: 82.03%; a dash for no value."""
    return amounts.format_percentage(value)


@register.filter
def variance(value: Decimal | None, currency: str) -> str:
    """`{{ line.variance_amount|variance:currency }}`: in words; positive is under budget."""
    if value is None:
        return amounts.NOTHING
    if value == 0:
        return "on budget"
    return f"{amounts.format_amount(abs(value), currency)} {'under' if value > 0 else 'over'}"


@register.inclusion_tag("components/money_bar.html")
def money_bar(
    *, budgeted: Decimal, committed: Decimal, actual: Decimal, currency: str, compact: bool = False
) -> dict[str, Any]:
    """`{% money_bar budgeted=… committed=… actual=… currency=… compact=True %}`."""
    bar = build_money_bar(budgeted=budgeted, committed=committed, actual=actual, currency=currency)
    return {"bar": bar, "compact": compact}
