"""Importing a plan: a dry run that shows every problem and the lines as they would be, then the import."""

import io
import re
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from budgets.forms.plan_import import ImportForm
from budgets.services.plan_import import ImportRefused, ImportReport, OnExisting, import_plan
from budgets.services.problems import BudgetProblem, StaleVersion
from budgetsite.accounts.permissions import may
from budgetsite.money.amounts import InvalidAmount
from budgetsite.pages.access import PageRequest, page, visible
from budgetsite.pages.kept_upload import KeptUpload, find_upload, forget_upload, keep_upload
from budgetsite.sheets.columns import UnreadableSheet
from events.models import Event

PURPOSE = "plan-import"
_VERSION = re.compile(r"[0-9]{1,9}", re.ASCII)
# So many lines of the file are shown before it is imported; problems are shown all.
PREVIEWED = 200


@page("budgets.import")
@require_http_methods(["GET", "HEAD", "POST"])
def import_plan_page(request: PageRequest) -> HttpResponse:
    events = list(Event.objects.visible_to(**visible(request)).newest_first()[:500])
    makes_categories = may(request.role, "categories.change")
    if request.method != "POST":
        form = ImportForm(
            events=events, may_make_categories=makes_categories, initial={"event": request.GET.get("event", "")}
        )
        return _answer(request, form)
    kept = find_upload(request, request.POST.get("kept", ""), purpose=PURPOSE)
    form = ImportForm(
        request.POST, request.FILES, events=events, may_make_categories=makes_categories, kept_file=kept is not None
    )
    if request.POST.get("kept") and kept is None and not request.FILES.get("file"):
        form.fields["file"].error_messages["required"] = "The file is no longer here. Choose it once more."
    if not form.is_valid():
        return _answer(request, form, kept=kept, status=422)
    new_file = form.cleaned_data["file"]
    if new_file is not None:
        kept = keep_upload(request, purpose=PURPOSE, filename=new_file.name, content=new_file.read())
    assert kept is not None
    # Whatever was chosen anew is looked at first.
    does_import = "import" in request.POST and new_file is None
    try:
        report = _import(request, form, kept, dry_run=not does_import)
    except ImportRefused as refusal:
        return _answer(request, form, kept=kept, report=refusal.report, status=409)
    except UnreadableSheet as problem:
        form.add_error("file", problem.message)
    except InvalidAmount as problem:
        form.add_error("total_budget_amount", problem.message)
    except StaleVersion:
        form.add_error(None, "The budget changed since you looked. Check the file once more, then import it.")
    except BudgetProblem as problem:
        form.add_error(None, str(problem))
    else:
        if does_import and report.budget is not None:
            forget_upload(request, kept.token, purpose=PURPOSE)
            messages.success(request, f"{len(report.lines)} lines imported from {kept.filename}.")
            return redirect("budgets:detail", report.budget.pk)
        return _answer(request, form, kept=kept, report=report, status=422 if report.problems else 200)
    return _answer(request, form, kept=kept, status=422)


def _import(request: PageRequest, form: ImportForm, kept: KeptUpload, *, dry_run: bool) -> ImportReport:
    chosen = form.cleaned_data
    version = request.POST.get("version", "")
    return import_plan(
        file=io.BytesIO(kept.content),
        filename=kept.filename,
        acting_user=request.user,
        event=form.chosen_event,
        version=int(version) if not dry_run and _VERSION.fullmatch(version) else None,
        dry_run=dry_run,
        create_categories=chosen["create_categories"],
        on_existing=chosen["on_existing"],
        total_budget_amount=chosen["total_budget_amount"],
        decimal_mark=chosen["decimal_mark"] or None,
    )


def _answer(
    request: PageRequest,
    form: ImportForm,
    *,
    kept: KeptUpload | None = None,
    report: ImportReport | None = None,
    status: int = 200,
) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "kept": kept, "report": report}
    rows = [*report.lines, *report.skipped] if report is not None else []
    context["asks_about_existing"] = any(row.is_already_there for row in rows) or (
        form["on_existing"].value() in (OnExisting.SKIP, OnExisting.ADD)
    )
    if report is not None:
        context |= {
            "currency": report.currency,
            "shown_lines": report.lines[:PREVIEWED],
            "more_lines": max(0, len(report.lines) - PREVIEWED),
        }
    return render(request, "budgets/import.html", context, status=status)
