from typing import Any

from django import forms

from budgets.selectors.report_groups import (
    LONGEST_KEY,
    METADATA,
    TAG,
    GroupBy,
    Grouping,
    UnknownGrouping,
    read_grouping,
    usual_grouping,
)
from budgets.selectors.report_range import Range, RangeProblem, TimeRange, days_between, named_range
from budgets.services.windows import HasCalendar, OutsideCalendar, current_window

OWN_DAYS = "days"
OWN_METADATA, OWN_TAG = METADATA.rstrip(":"), TAG.rstrip(":") + "_key"
GROUP_WORDS = {
    GroupBy.DAY: "Day",
    GroupBy.WEEK: "Week",
    GroupBy.MONTH: "Month",
    GroupBy.SOURCE: "Where it comes from",
    GroupBy.KIND: "Kind of entry",
    GroupBy.EVENT: "Event",
    GroupBy.BUDGET: "Budget",
    GroupBy.USER: "Person it is for",
    GroupBy.TEAM: "Team",
    GroupBy.PROJECT: "Project",
    GroupBy.ORGANIZATION: "Organization",
    GroupBy.TAG: "Labels",
}


class ReportForm(forms.Form):
    """What a report is about: `days` and `grouping` once it is valid."""

    time_range = forms.ChoiceField(
        required=False, label="When", choices=[*TimeRange.choices, (OWN_DAYS, "From one day to another")]
    )
    start_date = forms.DateField(required=False, label="First day", widget=forms.DateInput(attrs={"type": "date"}))
    end_date = forms.DateField(required=False, label="Last day", widget=forms.DateInput(attrs={"type": "date"}))
    group_by = forms.ChoiceField(
        required=False,
        label="Put together by",
        choices=[
            *((name.value, words) for name, words in GROUP_WORDS.items()),
            (OWN_TAG, "Tag by its name"),
            (OWN_METADATA, "Detail by its name"),
        ],
    )
    key = forms.CharField(
        required=False,
        max_length=LONGEST_KEY,
        label="Its name",
        help_text="Of a tag such as department, or of a detail such as model.",
    )

    def __init__(self, data: Any, *, budget: HasCalendar, now: Any) -> None:
        # An address without a choice is one too: this window, by its days, weeks or months.
        window = current_window(budget, now)
        usual = usual_grouping(window.days).name
        super().__init__({"time_range": TimeRange.THIS_WINDOW.value, "group_by": usual, **data})
        self.budget, self.now = budget, now
        self.days: Range | None = None
        self.grouping: Grouping | None = None

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        if {"time_range", "start_date", "end_date"} <= found.keys():
            self._read_days(found)
        if {"group_by", "key"} <= found.keys():
            self._read_grouping(found)
        return found

    def _read_days(self, found: dict[str, Any]) -> None:
        dates = found["start_date"], found["end_date"]
        try:
            if found["time_range"] == OWN_DAYS:
                self.days = days_between(self.budget, *dates, now=self.now)
            else:
                name = TimeRange(found["time_range"] or TimeRange.THIS_WINDOW)
                self.days = named_range(self.budget, name, now=self.now)
        except RangeProblem as problem:
            self.add_error(problem.field, str(problem))
        except OutsideCalendar:
            self.add_error("time_range", "The calendar has no such period.")

    def _read_grouping(self, found: dict[str, Any]) -> None:
        prefix = {OWN_METADATA: METADATA, OWN_TAG: TAG}.get(found["group_by"])
        try:
            self.grouping = read_grouping(f"{prefix}{found['key']}" if prefix else found["group_by"] or GroupBy.DAY)
        except UnknownGrouping:
            self.add_error("key", "Say its name, such as model or department.")
