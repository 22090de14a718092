"""An entry of usage, what came of recording it, and sums of entries."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from rest_framework import serializers

from budgets.api.answers import WarningAnswer
from budgets.api.scoped_answers import StandingAnswer, standing_answer, usage_writer
from budgets.api.scoped_inputs import DayField, UsageAmountField, choice
from budgets.models import EntryKind, EntrySource, LedgerEntry, ScopedBudget
from budgets.selectors.scoped_status import Standing, standing_of
from budgets.selectors.scoped_usage import UsageSummary
from budgets.services.counting import Counted
from budgets.services.usage import Recorded
from budgets.services.windows import current_window
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField


class UsageQuery(serializers.Serializer):
    start_date = DayField(required=False, help_text="From this day on, where the budget is.")
    end_date = DayField(required=False, help_text="Up to this day, all of it included.")
    source = choice(EntrySource, "source", required=False)  # type: ignore[assignment]
    own = serializers.BooleanField(
        required=False, default=False, help_text="Only what was recorded on this budget itself."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "start_date" in attrs and "end_date" in attrs and attrs["end_date"] < attrs["start_date"]:
            raise serializers.ValidationError(
                {"end_date": "The end must be the day of the start, or a later one."}, code="ends_before_start"
            )
        return attrs


class UsageSummaryQuery(UsageQuery):
    start_date = DayField(help_text="The first day, where the budget is.")
    end_date = DayField(help_text="The last day, included.")


class UsageAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    budget_id = serializers.UUIDField(help_text="Where it was recorded, or the budget that funds the event's budget.")
    budget_name = serializers.CharField()
    event_budget_id = serializers.UUIDField(allow_null=True, help_text="What an event's budget has posted.")
    event_id = serializers.UUIDField(allow_null=True)
    event_name = serializers.CharField(allow_null=True)
    line_item_id = serializers.UUIDField(allow_null=True)
    kind = serializers.ChoiceField(choices=EntryKind.choices)
    amount = UsageAmountField(help_text="What was spent; negative where it was taken back.")
    committed_amount = UsageAmountField(help_text="What was promised by it; negative where promises were kept.")
    currency = serializers.CharField()
    source = serializers.ChoiceField(choices=EntrySource.choices)  # type: ignore[assignment]
    source_id = serializers.CharField()
    timestamp = serializers.DateTimeField()
    description = serializers.CharField()
    metadata = serializers.DictField(allow_null=True)
    recorded_at = serializers.DateTimeField()
    recorded_by = serializers.UUIDField(allow_null=True)
    recorded_by_name = serializers.CharField(allow_null=True)
    machine = serializers.CharField(allow_null=True, help_text="The API key of the machine that recorded it.")
    reverses = serializers.UUIDField(allow_null=True, help_text="The usage that this entry takes back.")
    reversed_by = serializers.UUIDField(allow_null=True)


class SettledUsageAnswer(UsageAnswer):
    warnings = WarningAnswer(many=True)


class RecordedUsageAnswer(SettledUsageAnswer):
    status = StandingAnswer(help_text="How the budget stands with it.")


class UsageSummaryAnswer(serializers.Serializer):
    budget_id = serializers.UUIDField()
    start_date = serializers.DateField()
    end_date = serializers.DateField()
    timezone = serializers.CharField()
    days = serializers.IntegerField()
    total = UsageAmountField()
    committed = UsageAmountField(help_text="What was promised in this time, less what was released or spent of it.")
    currency = serializers.CharField()
    record_count = serializers.IntegerField()
    average_per_day = MoneyField()
    by_source = serializers.DictField(child=serializers.CharField(), help_text="What was spent, by source.")
    records_by_source = serializers.DictField(child=serializers.IntegerField())
    by_kind = serializers.DictField(child=serializers.CharField())


def usage_answer(entry: LedgerEntry, reversed_by: UUID | None = None, *, name: str = "") -> dict[str, Any]:
    """Describe an entry of `entries_in`; with the `name` of its budget nothing else has to be read."""
    usage = usage_writer(entry.currency)
    where = _where(entry, name)
    takes_back = entry.kind == EntryKind.ADJUST and entry.scoped_budget_id is not None
    return {
        "id": str(entry.pk),
        **where,
        "line_item_id": entry.line_item_id,
        "kind": entry.kind,
        "amount": usage(entry.actual_delta),
        "committed_amount": usage(entry.committed_delta),
        "currency": entry.currency,
        "source": entry.source,
        "source_id": entry.source_id,
        "timestamp": entry.occurred_at,
        "description": entry.description,
        "metadata": entry.metadata,
        "recorded_at": entry.created_at,
        "recorded_by": entry.actor_id,
        "recorded_by_name": str(entry.actor) if entry.actor else None,
        "machine": entry.machine or None,
        "reverses": entry.source_id if takes_back else None,
        "reversed_by": reversed_by,
    }


def _where(entry: LedgerEntry, name: str) -> dict[str, Any]:
    if entry.scoped_budget_id is not None:
        return {
            "budget_id": str(entry.scoped_budget_id),
            "budget_name": name or entry.scoped_budget.name,
            "event_budget_id": None,
            "event_id": None,
            "event_name": None,
        }
    budget = entry.budget
    return {
        "budget_id": budget.funded_by_id,
        "budget_name": budget.funded_by.name,
        "event_budget_id": str(budget.pk),
        "event_id": budget.event_id,
        "event_name": budget.event.name,
    }


def recorded_answer(recorded: Recorded, *, now: datetime) -> dict[str, Any]:
    """Describe usage that was recorded, or had been before, with how its budget stands now."""
    standing = _standing(recorded, now)
    return {
        **usage_answer(recorded.entry, name=standing.budget.name),
        "status": standing_answer(standing),
        "warnings": _warnings(recorded, standing),
    }


def _standing(recorded: Recorded, now: datetime) -> Standing:
    """Take the figures that were just counted, where they are those of the present window; ask for them elsewhere."""
    leaf = recorded.counted[0] if recorded.counted else None
    if leaf is not None and leaf.after is not None and leaf.window == current_window(leaf.budget, now):
        return Standing(leaf.budget, leaf.window, leaf.after, recorded.entry.created_at, now)
    assert recorded.entry.scoped_budget_id is not None
    standing = standing_of(recorded.entry.scoped_budget_id, now=now)
    assert standing is not None  # It was recorded on a live budget, in this transaction.
    return standing


def _warnings(recorded: Recorded, standing: Standing) -> list[dict[str, str]]:
    entry, budget = recorded.entry, standing.budget
    warnings = []
    if recorded.outside:
        warnings.append(
            _warning("outside_window", f"“{budget.name}” is not in force then: it counts in the period of that day.")
        )
    elif not standing.window.holds(entry.occurred_at):
        warnings.append(_warning("outside_window", "It counts in the window of its own time, not in the present one."))
    over = [one for one in recorded.counted if one.after is not None and one.after.remaining < 0]
    return warnings + [_warning("over_budget", _over(one)) for one in over]


def _over(counted: Counted) -> str:
    assert counted.after is not None
    amount = usage_writer(counted.budget.currency)(-counted.after.remaining)
    return f"“{counted.budget.name}” is over by {amount} {counted.budget.currency}."


def _warning(code: str, detail: str) -> dict[str, str]:
    return {"code": code, "detail": detail}


def summary_answer(budget: ScopedBudget, summary: UsageSummary, first: date, last: date) -> dict[str, Any]:
    usage = usage_writer(budget.currency)
    return {
        "budget_id": str(budget.pk),
        "start_date": first,
        "end_date": last,
        "timezone": budget.timezone,
        "days": summary.days,
        "total": usage(summary.total),
        "committed": usage(summary.committed),
        "currency": budget.currency,
        "record_count": summary.records,
        "average_per_day": amount_to_json(summary.average_per_day, budget.currency),
        "by_source": {source: usage(amount) for source, amount in summary.by_source.items()},
        "records_by_source": dict(summary.records_by_source),
        "by_kind": {kind: usage(amount) for kind, amount in summary.by_kind.items()},
    }
