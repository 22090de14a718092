"""Windows, thresholds and changes of scoped budgets in the words of their pages."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.utils.formats import date_format

from budgets.models import Enforcement, Period, ScopeType, ThresholdAction
from budgets.selectors.company_tree import has_ended
from budgets.selectors.scoped_status import Standing
from budgets.selectors.scoped_windows import PastWindow
from budgets.services.hierarchy import ChainBudget
from budgets.services.scoped_thresholds import Threshold
from budgets.services.windows import Window, last_day_after
from budgetsite.pages.amounts import format_amount, format_quantity

DAY, MONTH, YEAR = "j F Y", "F Y", "Y"
ONE_DAY = timedelta(days=1)
# What happens from a threshold on, to somebody who is about to spend.
ACTION_WORDS = {
    ThresholdAction.NOTIFY: "somebody is told",
    ThresholdAction.AUTO_DOWNGRADE: "something cheaper is to be used",
    ThresholdAction.RESTRICT_MODELS: "the choice is restricted",
    ThresholdAction.REQUIRE_APPROVAL: "a person has to approve first",
    ThresholdAction.BLOCK_ALL: "everything is blocked",
}
ENFORCEMENT_WORDS = {
    Enforcement.STOP: "Promises that do not fit are refused.",
    Enforcement.WARN: "Promises that do not fit pass with a warning.",
    Enforcement.IGNORE: "Nothing is refused here: it only counts.",
}
PERIOD_WORDS = {
    Period.DAILY: "a day",
    Period.WEEKLY: "a week",
    Period.MONTHLY: "a month",
    Period.QUARTERLY: "a quarter",
    Period.ANNUAL: "a year",
    Period.CUSTOM: "in all its time",
}
FIELD_WORDS = {
    "name": "the name",
    "description": "the description",
    "start_date": "the first day",
    "end_date": "the day on which it is over",
    "timezone": "the time zone",
    "tags": "the tags",
}


def window_in_words(window: Window) -> str:
    """June 2026; 2026; April to June 2026; 15 June to 14 July 2026; 15 to 21 June 2026."""
    first, last = window.first_day, window.day_after - ONE_DAY
    if last <= first:
        return date_format(first, DAY)
    if first.day == 1 and window.day_after.day == 1:
        if (first.year, first.month) == (last.year, last.month):
            return date_format(first, MONTH)
        if first.month == 1 and last.month == 12:
            return f"{first.year}" if first.year == last.year else f"{first.year} to {last.year}"
        return _from_to(first, last, MONTH, "F")
    return _from_to(first, last, DAY, "j" if first.month == last.month else "j F")


def short_window(window: Window) -> str:
    """Jun; 2026; 15 Jun: under a column of a chart."""
    first = window.first_day
    if window.days > 300:
        return date_format(first, YEAR)
    return date_format(first, "M" if first.day == 1 and window.days > 20 else "j M")


def columns_of(windows: Sequence[PastWindow]) -> list[tuple[str, Decimal]]:
    """Return what the chart of windows draws, the first one on the left; nothing where there is but one."""
    columns = [(short_window(one.window), one.figures.actual) for one in reversed(windows)]
    # Few columns are wide, and the first would hide the scale's numbers.
    return [("", Decimal(0)), *columns] if len(columns) > 1 else []


def _from_to(first: date, last: date, whole: str, within_year: str) -> str:
    begins = date_format(first, within_year if first.year == last.year else whole)
    return f"{begins} to {date_format(last, whole)}"


def time_left(standing: Standing) -> str:
    """20 days left; begins on 1 July 2026; over since 1 July 2026."""
    budget = standing.budget
    over = last_day_after(budget)
    if over is not None and has_ended(budget, standing.now):
        return f"over since {date_format(over, DAY)}"
    if not standing.is_in_force:
        return f"begins on {date_format(budget.start_date, DAY)}"
    days = standing.days_remaining
    return f"{days} day{'' if days == 1 else 's'} left"


def not_in_force(standing: Standing) -> str:
    """Say that a budget has not begun or is over, and which figures are shown then; empty while it is in force."""
    if standing.is_in_force:
        return ""
    if has_ended(standing.budget, standing.now):
        return f"It is {time_left(standing)}. These are the figures of its last period."
    return f"It {time_left(standing)}. These are the figures of its first period."


def scope_in_words(budget: Any) -> str:
    """Team kitchen."""
    return f"{ScopeType(budget.scope_type).label} {budget.scope_id}"


def threshold_in_words(threshold: Threshold) -> str:
    """From 80% on somebody is told."""
    share = format_quantity(threshold.percentage.normalize())
    return f"from {share}% on {_actions(threshold)}"


def _actions(threshold: Threshold) -> str:
    return " and ".join(ACTION_WORDS[action] for action in threshold.actions)


def threshold_rows(standing: Standing) -> list[dict[str, Any]]:
    """Return a budget's thresholds as its page lists them."""
    reached = standing.reached
    return [
        {
            "share": f"{format_quantity(threshold.percentage.normalize())}%",
            "amount": threshold.percentage * standing.budget.amount / 100,
            "words": _actions(threshold),
            "message": threshold.message,
            "blocks": threshold.strictest.blocks,
            "reached": threshold in reached,
        }
        for threshold in standing.budget.thresholds
    ]


def choice_of_parent(budget: ChainBudget) -> tuple[Any, str, str]:
    """Return (id, currency, label): dashes for each level above it, and what it has itself."""
    amount = f"{format_amount(budget.amount, budget.currency)} {budget.currency} {PERIOD_WORDS[Period(budget.period)]}"
    return budget.id, budget.currency, f"{'– ' * budget.depth}{budget.name}: {amount}"


def changes_in_words(before: Any, after: Any) -> list[str]:
    """Return what changed between two versions of a budget, a clause each; nothing where that is nothing to tell."""
    words = []
    if before.amount != after.amount:
        verb = "raised" if after.amount > before.amount else "lowered"
        was, now = (format_amount(value, after.currency) for value in (before.amount, after.amount))
        words.append(f"{verb} the amount from {was} to {now} {after.currency}")
    if before.thresholds != after.thresholds:
        words += _threshold_changes(before.thresholds, after.thresholds)
    if (before.period, before.recurring) != (after.period, after.recurring):
        words.append(f"changed the period from {_period(before)} to {_period(after)}")
    if before.enforcement != after.enforcement:
        words.append(f"chose for what does not fit: {Enforcement(after.enforcement).label.lower()}")
    for name, label in FIELD_WORDS.items():
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            words.append(_field_change(name, label, was, now))
    return words


def _field_change(name: str, label: str, was: Any, now: Any) -> str:
    if name == "name":
        return f"renamed it from “{was}” to “{now}”"
    if name in ("description", "tags"):
        return f"changed {label}"
    if now is None:
        return f"took out {label}, {_value(was)}"
    if was is None:
        return f"set {label} to {_value(now)}"
    return f"changed {label} from {_value(was)} to {_value(now)}"


def _value(value: Any) -> str:
    return date_format(value, DAY) if isinstance(value, date) else str(value).replace("_", " ")


def _period(record: Any) -> str:
    label = Period(record.period).label.lower()
    return label if record.recurring else f"{label}, once"


def _threshold_changes(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> list[str]:
    was = {Decimal(row["threshold"]): row for row in before}
    now = {Decimal(row["threshold"]): row for row in after}
    words = [f"let {_stored_threshold(now[share])}" for share in sorted(now.keys() - was.keys())]
    words += [f"took out that {_stored_threshold(was[share])}" for share in sorted(was.keys() - now.keys())]
    for share in sorted(now.keys() & was.keys()):
        if now[share] == was[share]:
            continue
        if now[share]["actions"] == was[share]["actions"]:
            words.append(f"changed the words of the threshold at {format_quantity(share.normalize())}%")
        else:
            words.append(f"let {_stored_threshold(now[share])}, where it was “{_stored_actions(was[share])}”")
    return words


def _stored_threshold(row: Mapping[str, Any]) -> str:
    share = format_quantity(Decimal(row["threshold"]).normalize())
    return f"from {share}% on “{_stored_actions(row)}” happen"


def _stored_actions(row: Mapping[str, Any]) -> str:
    return ", ".join(ThresholdAction(action).label.lower() for action in row["actions"])
