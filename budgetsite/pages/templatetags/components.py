"""The small pieces that every page is made of: `{% load components %}`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import template
from django.forms import BaseForm, BoundField
from django.template import Context
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from budgetsite.pages import waiting_time

register = template.Library()


@dataclass(frozen=True)
class Badge:
    word: str
    icon: str
    tone: str


STATUS_BADGES = {
    "draft": Badge("Draft", "pencil", "neutral"),
    "review": Badge("In review", "eye", "accent"),
    "approved": Badge("Approved", "check-circle", "good"),
    "active": Badge("Active", "play", "good"),
    "finalized": Badge("Finalized", "flag", "neutral"),
    "archived": Badge("Archived", "archive", "faint"),
    "pending": Badge("Pending", "clock", "accent"),
    "rejected": Badge("Rejected", "close", "critical"),
    "done": Badge("Done", "check-circle", "good"),
    "withdrawn": Badge("Withdrawn", "undo", "faint"),
    "lapsed": Badge("Lapsed", "minus-circle", "faint"),
    "in_force": Badge("In force", "check-circle", "good"),
    "superseded": Badge("Superseded", "history", "faint"),
    "cancelled": Badge("Cancelled", "minus-circle", "faint"),
    "planned": Badge("Planned", "calendar", "neutral"),
    "committed": Badge("Committed", "lock", "accent"),
    "invoiced": Badge("Invoiced", "receipt", "good"),
    "paid": Badge("Paid", "check-circle", "good"),
    "partial": Badge("Partly paid", "clock", "accent"),
    "overdue": Badge("Overdue", "octagon", "critical"),
    "waiting": Badge("Waiting", "clock", "accent"),
    "offered": Badge("Offered", "bell", "warning"),
    "accepted": Badge("Accepted", "check-circle", "good"),
    "expired": Badge("Expired", "clock", "faint"),
    "collected": Badge("Collected", "check-circle", "good"),
    "acknowledged": Badge("Acknowledged", "check", "neutral"),
    "resolved": Badge("Resolved", "check-circle", "good"),
}

LEVEL_BADGES = {
    "normal": Badge("Within budget", "check-circle", "good"),
    "information": Badge("Information", "info", "accent"),
    "warning": Badge("Warning", "triangle", "warning"),
    "critical": Badge("Critical", "octagon", "critical"),
    "exceeded": Badge("Exceeded", "octagon", "critical"),
}

MESSAGE_ICONS = {
    "debug": "info",
    "info": "info",
    "success": "check-circle",
    "warning": "triangle",
    "error": "octagon",
}


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """Draw one symbol of the sprite; decorative unless it has a label, which screen readers then say."""
    address = f"{static('budgetsite/icons.svg')}#{name}"
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}" width="20" height="20"><use href="{}"></use></svg>',
            label,
            address,
        )
    return format_html(
        '<svg class="icon" aria-hidden="true" width="20" height="20"><use href="{}"></use></svg>', address
    )


@register.simple_block_tag
def sentence(content: str) -> SafeString:
    """`{% sentence %}…{% endsentence %}`: single spaces, and none before a comma or after a bracket opens.

    The words of a sentence may then stand in branches and pieces of templates, each on a line of its own.
    """
    joined = re.sub(r"\s*\n\s*(?=[,;:)])|(?<=\()\s*\n\s*", "", content)
    # It was escaped when it was rendered; only spaces go, and only those between the lines of templates.
    return SafeString(re.sub(r"\s+", " ", joined).strip())


@register.inclusion_tag("components/badge.html")
def status_badge(status: str) -> dict[str, Any]:
    """`{% status_badge budget.status %}`: a word, an icon and a colour. An unknown status is a `KeyError`."""
    return {"badge": STATUS_BADGES[status.lower()]}


@register.inclusion_tag("components/badge.html")
def level_badge(level: str) -> dict[str, Any]:
    """`{% level_badge alert.level %}`: information, warning, critical; of a scoped budget also normal, exceeded."""
    return {"badge": LEVEL_BADGES[level.lower()]}


@register.filter
def message_icon(level_tag: str) -> str:
    return MESSAGE_ICONS.get(level_tag, "info")


@register.filter
def waited(since: datetime) -> str:
    """`{{ budget.awaiting_since|waited }}`: for 3 days."""
    return waiting_time.waited(since, timezone.now())


@register.inclusion_tag("components/field.html")
def field(
    bound_field: BoundField, *, compact: bool = False, suffix: str = "", form_id: str = "", width: str = ""
) -> dict[str, Any]:
    """`{% field form.email %}`: label, help, error and control, tied together for screen readers.

    `compact` hides the label from sight only (table cells), `suffix` stands in the control (a currency code),
    `form_id` ties a control that stands outside its form, `width` is short, amount or full.
    """
    attributes: dict[str, str | bool] = {"form": form_id} if form_id else {}
    return {
        "field": bound_field,
        "control": bound_field.as_widget(attrs=attributes),
        "is_checkbox": getattr(bound_field.field.widget, "input_type", "") == "checkbox",
        "compact": compact,
        "suffix": suffix,
        "width": width,
    }


@register.inclusion_tag("components/form_errors.html")
def form_errors(form: BaseForm, rows: Sequence[tuple[str, BaseForm]] = ()) -> dict[str, Any]:
    """`{% form_errors form %}`: everything that is wrong, at the top, each error linking to its field.

    `rows` are forms of the same page that stand in rows, each with what its fields' names begin with: "Threshold 2".
    """
    field_errors = [
        (one[name], f"{row}, {one[name].label}" if row else one[name].label, errors)
        for row, one in (("", form), *rows)
        for name, errors in one.errors.items()
        if name in one.fields
    ]
    return {
        "form": form,
        "field_errors": field_errors,
        "count": sum(len(errors) for _, _, errors in field_errors) + len(form.non_field_errors()),
    }


@register.inclusion_tag("components/nav_link.html", takes_context=True)
def nav_link(
    context: Context,
    view_name: str,
    label: str,
    icon_name: str,
    count: int | None = None,
    also: str = "",
    counter: str = "",
) -> dict[str, Any]:
    """`{% nav_link "events:list" "Events" "calendar" %}`: marks the section that the reader is in.

    The pages below an address belong to its section, and so do those below the views that `also` names, divided by
    spaces. Where the site has no such page there is no link.
    """
    try:
        address = reverse(view_name)
    except NoReverseMatch:
        return {"address": None}
    path = getattr(context.get("request"), "path", "")
    current = ""
    if path == address:
        current = "page"
    elif (address != "/" and path.startswith(address)) or any(path.startswith(reverse(name)) for name in also.split()):
        current = "true"
    return {
        "address": address,
        "label": label,
        "icon_name": icon_name,
        "count": count,
        "counter": counter,
        "current": current,
    }
