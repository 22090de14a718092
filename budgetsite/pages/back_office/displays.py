"""Amounts, bars and badges as the lists and pages of the back office show them."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from budgetsite.pages.amounts import NOTHING, format_amount, format_percentage, format_usage
from budgetsite.pages.money_bar import money_bar


def amount_cell(value: Decimal | None, currency: str, *, critical: bool = False) -> SafeString:
    """Return an amount with its currency, aligned at the right; of usage, with all the decimals that it has."""
    if value is None:
        return format_html('<span class="amount">{}</span>', NOTHING)
    tone = " amount--critical" if critical else ""
    return format_html(
        '<span class="amount{}">{} <span class="amount__currency">{}</span></span>',
        tone,
        format_usage(value, currency),
        currency,
    )


def figure_cell(value: Decimal, currency: str, *, critical: bool = False) -> SafeString:
    """Return an amount aligned at the right, where a heading names its currency."""
    tone = " amount--critical" if critical else ""
    return format_html('<span class="amount{}">{}</span>', tone, format_amount(value, currency))


def percentage_cell(value: Decimal | None) -> SafeString:
    return format_html('<span class="amount">{}</span>', format_percentage(value))


def badge(word: str, tone: str) -> SafeString:
    """Return a word in a coloured frame; tone is neutral, accent, good, warning or critical."""
    return format_html('<span class="mark mark--{}">{}</span>', tone, word)


def bar_cell(figures: dict[str, Any], *, compact: bool = True) -> SafeString:
    """Return the money bar; `figures` are budgeted, committed, actual and currency."""
    html: str = render_to_string("components/money_bar.html", {"bar": money_bar(**figures), "compact": compact})
    return SafeString(html)


def moment_cell(value: datetime | None, zone: str = "") -> SafeString:
    """Return a moment for a narrow column: the date, and below it the time."""
    date, _, time = moment(value, zone).partition(", ")
    return format_html('<span class="when"><span>{}</span><br><span>{}</span></span>', date, time)


def moment(value: datetime | None, zone: str = "") -> str:
    """Return a moment in the zone named (an event's), the account's otherwise, with the zone's short name."""
    if value is None:
        return NOTHING
    local = timezone.localtime(value, ZoneInfo(zone)) if zone else timezone.localtime(value)
    return date_format(local, "j M Y, H:i") + f" {local:%Z}"
