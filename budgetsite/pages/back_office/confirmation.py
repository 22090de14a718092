"""The page before anything that counts: what will happen, to what, and why it might not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminTextareaWidget

from budgetsite.accounts.roles import Role
from budgetsite.pages.back_office.requests import StaffRequest


class ReasonForm(forms.Form):
    """Why; kept with what was done."""

    reason = forms.CharField(
        label="Reason",
        max_length=2000,
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
        error_messages={"required": "Say why: the reason is kept with the budget."},
    )


class OptionalReasonForm(ReasonForm):
    reason = forms.CharField(
        label="Comment (optional)", max_length=2000, required=False, widget=UnfoldAdminTextareaWidget({"rows": 3})
    )


@dataclass
class Confirmation:
    """What the page says. `refusal` stands in the way: with it there is no button to go on.

    `figures` are the keywords of the tag `money_bar`; `rows` are (title, note) of each object in a bulk action, and
    `refused_rows` those that would be left as they are, with the reason; `hidden` are the (name, value) pairs that the
    answer carries back.
    """

    title: str
    label: str
    back_url: str
    consequences: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    rows: Sequence[tuple[str, str]] = ()
    refused_title: str = ""
    refused_rows: Sequence[tuple[str, str]] = ()
    hidden: Sequence[tuple[str, str]] = ()
    figures: dict[str, Any] | None = None
    form: forms.Form | None = None
    refusal: str = ""
    refusal_url: str = ""
    refusal_label: str = ""
    tone: str = "primary"
    errors: list[str] = field(default_factory=list)


def confirmation_page(
    request: StaffRequest, model_admin: Any, confirmation: Confirmation, *, obj: Any = None, status: int = 200
) -> TemplateResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": confirmation.title,
        "original": obj,
        "confirmation": confirmation,
        "role": Role(request.role),
    }
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(request, "admin/confirm.html", context, status=status)
