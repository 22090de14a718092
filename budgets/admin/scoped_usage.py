"""Usage recorded by hand, as the back office asks for it."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from budgets.forms.scoped_usage import UsageForm
from budgets.models import EntrySource, ScopedBudget
from budgets.services.problems import BudgetProblem
from budgets.services.scoped_problems import NoRoom
from budgets.services.usage import record_usage
from budgets.services.windows import OutsideCalendar
from budgetsite.accounts.models import User
from budgetsite.money.amounts import InvalidAmount
from budgetsite.pages.amounts import format_usage
from budgetsite.pages.back_office.amount_widget import AmountWidget


class MomentWidget(UnfoldAdminTextInputWidget):
    input_type = "datetime-local"


class StaffUsageForm(UsageForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        widgets = {
            "amount": AmountWidget(),
            "when": MomentWidget(),
            "description": UnfoldAdminTextInputWidget(),
            "metadata": UnfoldAdminTextareaWidget({"rows": 2}),
            "only_if_it_fits": UnfoldBooleanWidget(),
        }
        for name, widget in widgets.items():
            field = self.fields[name]
            widget.is_required = field.required
            widget.attrs.update(field.widget_attrs(widget))
            field.widget = widget


def record_by_hand(
    budget: ScopedBudget, form: UsageForm, *, acting_user: User, now: datetime
) -> list[tuple[int, str]] | None:
    """Record what the form says and return what to tell; None when it was refused, with the reason at its field."""
    values = form.cleaned_data
    try:
        recorded = record_usage(
            budget_id=budget.pk,
            amount=values["amount"],
            currency=budget.currency,
            source=EntrySource.MANUAL,
            acting_user=acting_user,
            now=now,
            timestamp=values["when"],
            description=values["description"],
            metadata=values["metadata"],
            enforce=values["only_if_it_fits"],
            idempotency_key=f"page:{values['key']}",
        )
    except NoRoom as problem:
        for refusal in problem.refusals:
            form.add_error("amount", refusal.reason)
        return None
    except InvalidAmount as problem:
        form.add_error("amount", problem.message)
        return None
    except OutsideCalendar:
        form.add_error("when", "The budget’s periods don’t reach that far. Give another day.")
        return None
    except BudgetProblem as problem:
        form.add_error(None, str(problem))
        return None
    amount = f"{format_usage(recorded.entry.actual_delta, budget.currency)} {budget.currency}"
    if recorded.repeated:
        return [(messages.INFO, f"{amount} had been recorded already: nothing was recorded again.")]
    said = [(messages.SUCCESS, f"{amount} recorded in “{budget.name}”.")]
    if recorded.outside:
        said.append((messages.WARNING, "It is not in force on that day: it counts in the period of that day."))
    said += [
        (
            messages.WARNING,
            f"“{one.budget.name}” is over now, by {format_usage(-one.after.remaining, budget.currency)}.",
        )
        for one in recorded.counted
        if one.after is not None and one.after.remaining < 0
    ]
    return said
