"""Two people at one form: what the other one changed meanwhile, field by field, and which of both is kept.

A field that only they changed takes their value, and says so. Where both changed it, the answer asks: a pair of radio
buttons `take_<field>`, of which `theirs` takes what is stored by now.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.forms import BaseForm
from django.http import QueryDict
from django.utils.text import Truncator

from budgets.models import BudgetStatus
from budgets.selectors.changed_fields import ChangedField
from budgetsite.accounts.models import User
from budgetsite.pages.amounts import format_amount, format_quantity

TAKE = "take_"
THEIRS = "theirs"

# These say one thing together: whoever changes one of them had all of them in mind.
_TOGETHER = frozenset({"quantity", "driver", "unit_price", "budgeted_amount"})
_ELSEWHERE = {
    "name": "Line",
    "category": "Category",
    "section": "Section",
    "description": "Description",
    "notes": "Notes",
    "budgeted_amount": "Budgeted",
    "quantity": "How many",
    "driver": "As many as",
    "unit_price": "Price of one",
    "sort_order": "Its place in the plan",
    "status": "Status",
    "total_budget_amount": "Total",
    "total_follows_lines": "The total follows the lines",
}


@dataclass(frozen=True, slots=True)
class FieldMeanwhile:
    """One field that someone else changed; its values are as the page writes them.

    `is_open`: its reader changed it too, and to something else. `typed` and `stored` are what the form would send for
    the one and the other.
    """

    name: str
    label: str
    before: str
    theirs: str
    mine: str = ""
    typed: str = ""
    stored: str = ""
    is_open: bool = False
    by: User | None = None


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What the other one changed. `who` is None when it was no person, or more than one."""

    fields: list[FieldMeanwhile]

    @property
    def who(self) -> User | None:
        people = {field.by for field in self.fields}
        return people.pop() if len(people) == 1 else None

    @property
    def open_fields(self) -> list[FieldMeanwhile]:
        return [field for field in self.fields if field.is_open]

    @property
    def taken_over(self) -> list[FieldMeanwhile]:
        return [field for field in self.fields if not field.is_open]


def with_choices(data: QueryDict, fresh: BaseForm) -> QueryDict:
    """Return what was sent, with the stored value wherever its sender chose to take theirs."""
    chosen = [name for name in fresh.fields if data.get(f"{TAKE}{name}") == THEIRS]
    if not chosen:
        return data
    taken = data.copy()
    for name in chosen:
        taken[name] = _as_sent(fresh, name)
    return taken


def merged(
    data: QueryDict, changes: Sequence[ChangedField], *, currency: str, form: Callable[[QueryDict | None], BaseForm]
) -> tuple[BaseForm, Meanwhile]:
    """Return the form to send again and what to say beside it.

    `form` makes one of what was sent, or of what is stored (None). What was typed is kept; what only the other one
    changed is taken over; the hidden fields are those of now, so that sending it again is a decision and no accident.
    """
    sent, fresh = form(data), form(None)
    sent.is_valid()
    before = {change.name: change.before for change in changes}
    touched = {name for name in fresh.fields if not _same(_shown(sent, name), before.get(name, _shown(fresh, name)))}
    kept = data.copy()
    fields = []
    for change in changes:
        name = change.name
        if name == "quantity" and "driver" in fresh.fields and fresh["driver"].value():
            continue
        mine = _shown(sent, name) if name in fresh.fields else None
        both = name in touched or (name in _TOGETHER - {"budgeted_amount"} and bool(touched & _TOGETHER))
        is_open = name in fresh.fields and both and not _same(mine, change.now)
        if name in fresh.fields and not is_open:
            kept[name] = _as_sent(fresh, name)
        fields.append(
            FieldMeanwhile(
                name=name,
                label=str(fresh.fields[name].label) if name in fresh.fields else _ELSEWHERE[name],
                before=_written(name, change.before, currency),
                theirs=_written(name, change.now, currency),
                mine=_written(name, mine, currency),
                typed=data.get(name, ""),
                stored=_as_sent(fresh, name) if name in fresh.fields else "",
                is_open=is_open,
                by=change.by,
            )
        )
    if "driver" in fresh.fields and kept.get("driver"):
        kept["quantity"] = ""
    for name, field in fresh.fields.items():
        if field.widget.is_hidden:
            kept[name] = _as_sent(fresh, name)
        kept.pop(f"{TAKE}{name}", None)
    return form(kept), Meanwhile(fields)


def in_words(changes: Sequence[ChangedField], currency: str) -> str:
    """Return what changed in one line of words; empty where there is nothing to compare."""
    return "; ".join(
        f"{_ELSEWHERE[change.name].lower()} was {_written(change.name, change.before, currency)} and is "
        f"{_written(change.name, change.now, currency)}"
        for change in changes
        if change.name != "sort_order"
    )


def _shown(form: BaseForm, name: str) -> Any:
    """Return a field's value as `ChangedField` tells it: choices by the name of what was chosen."""
    if form.is_bound:
        value = form.cleaned_data.get(name, form.data.get(name, ""))
    else:
        value = form.get_initial_for_field(form.fields[name], name)
    if not hasattr(form.fields[name], "choices"):
        return value
    names: dict[str, str] = getattr(form, "choice_names", {})
    return names.get(str(getattr(value, "pk", value) or ""))


def _written(name: str, value: Any, currency: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "":
        return "empty"
    if isinstance(value, Decimal):
        return format_quantity(value) if name == "quantity" else format_amount(value, currency)
    if name == "status":
        return BudgetStatus(value).label.lower()
    return f"“{Truncator(value).chars(200)}”"


def _same(one: Any, other: Any) -> bool:
    """Whether both say the same; an empty field is an empty field."""
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return one == other
    return (one if one is not None else "") == (other if other is not None else "")


def _as_sent(form: BaseForm, name: str) -> str:
    value = form[name].value()
    return "" if value is None else str(value)
