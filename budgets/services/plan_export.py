"""A budget's plan as a file that `import_plan` reads back to the same lines."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, TextChoices

from budgets.models import EventBudget, LineKind
from budgets.selectors.event_budgets import lines_in_order
from budgets.services.plan_file import LAST_PLACE, plan_columns
from budgetsite.sheets.writing import write_csv, write_xlsx

# The columns in the order of the file: where a line belongs, what it is, what it costs.
EXPORTED_COLUMNS = (
    "section",
    "category",
    "name",
    "description",
    "kind",
    "quantity",
    "unit_price",
    "driver",
    "transferred_amount",
    "budgeted_amount",
    "committed_amount",
    "actual_amount",
    "notes",
    "sort_order",
)


class PlanFormat(TextChoices):
    CSV = "csv", "CSV"
    XLSX = "xlsx", "Excel workbook"


CONTENT_TYPES = {
    PlanFormat.CSV: "text/csv",
    PlanFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True, slots=True)
class PlanFile:
    """What a person downloads. `filename` is a safe one for every system, and may hold any letters."""

    filename: str
    content_type: str
    content: bytes


def export_plan(budget: EventBudget, *, plan_format: PlanFormat, with_internals: bool = True) -> PlanFile:
    """Return the live lines of a budget, in their order, as a file. One statement for any number of lines.

    Without internals the lines of income and the notes stay out: for whom the costs alone are meant.

    Actuals are those on lines; what was spent on no line and the budget's own total are no lines and stay out. What is
    promised is there to be read: an import leaves it to what promises it. A budget without lines is a row of headings.
    """
    columns = {column.name: column for column in plan_columns(budget.currency)}
    ordered = [columns[name] for name in EXPORTED_COLUMNS]
    rows = _rows(budget)
    if not with_internals:
        rows = [row | {"notes": ""} for row in rows if row["kind"] == LineKind.COST]
    if plan_format == PlanFormat.CSV:
        content, charset = write_csv(ordered, rows), "; charset=utf-8"
    else:
        content, charset = write_xlsx(ordered, rows, title="Plan"), ""
    return PlanFile(
        filename=f"{plan_filename(budget.event.name)}.{plan_format.value}",
        content_type=CONTENT_TYPES[plan_format] + charset,
        content=content,
    )


def _rows(budget: EventBudget) -> list[dict[str, Any]]:
    names = [name for name in EXPORTED_COLUMNS if name not in ("category", "driver")]
    found = lines_in_order(budget.pk).values(*names, category_name=F("category__name"), driver_name=F("driver__name"))
    lines = list(found)
    places = _places([line["sort_order"] for line in lines])
    return [
        {name: _readable(value) for name, value in line.items()}
        | {
            "category": _readable(line["category_name"]),
            "driver": _readable(line["driver_name"]),
            # Only what stands beside quantity × unit price is not in the amount already.
            "transferred_amount": line["transferred_amount"] or None if line["unit_price"] is not None else None,
            "sort_order": place,
        }
        for line, place in zip(lines, places, strict=True)
    ]


def _places(stored: Sequence[int]) -> list[int]:
    """Return the lines' places; counted anew where two share one or an import could not take it, to keep the order."""
    if len(set(stored)) == len(stored) and all(0 <= place <= LAST_PLACE for place in stored):
        return list(stored)
    return [number * 10 for number in range(1, len(stored) + 1)]


# Invisible, refused by the import, and partly impossible in a workbook; old data may hold them.
_INVISIBLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")


def _readable(value: Any) -> Any:
    return _INVISIBLE.sub("\ufffd", value) if isinstance(value, str) else value


# Systems allow 255 bytes; a browser adds " (1)", and a folder may have a long name of its own.
_LONGEST_NAME_BYTES = 120
_RESERVED = frozenset('\\/:*?"<>|%')


def plan_filename(event_name: str) -> str:
    """Return "<event> budget" without what a system reserves, hides or would read as a path."""
    kept = "".join(
        " " if character in _RESERVED or unicodedata.category(character)[0] in "CZ" else character
        for character in unicodedata.normalize("NFC", event_name)
    )
    cut = " ".join(kept.split()).encode()[:_LONGEST_NAME_BYTES].decode(errors="ignore")
    return f"{cut.strip(' .-_~')} budget".strip()
