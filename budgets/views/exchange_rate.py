"""The account's exchange rates: the table, one rate, and a file of them looked at before it is stored."""

import io
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from budgets.forms.exchange_rate import RateForm, RateImportForm
from budgets.models import ExchangeRate
from budgets.services.exchange_rate_table import (
    OnExistingRate,
    RateImportRefused,
    RateImportReport,
    RateNotFound,
    create_rate,
    delete_rate,
    import_rates,
    update_rate,
)
from budgets.services.expense_problems import RateOutOfRange
from budgets.services.problems import BudgetProblem
from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest, page
from budgetsite.pages.kept_upload import KeptUpload, find_upload, forget_upload, keep_upload
from budgetsite.pages.keyset import keyset_page
from budgetsite.sheets.columns import UnreadableSheet

METHODS = ["GET", "HEAD", "POST"]
PURPOSE = "rate-import"
PREVIEWED = 200


@page("exchange_rates.view")
@require_safe
def exchange_rates(request: PageRequest) -> HttpResponse:
    found = keyset_page(request, ExchangeRate.objects.all(), by="created_at", size=50)
    context = {
        "rates": found.rows,
        "newer_url": found.newer_url,
        "older_url": found.older_url,
        "may_change": may(request.role, "exchange_rates.change"),
    }
    return render(request, "budgets/rates/list.html", context)


@page("exchange_rates.change")
@require_http_methods(METHODS)
def rate_create(request: PageRequest) -> HttpResponse:
    return _edit(request, None)


@page("exchange_rates.change")
@require_http_methods(METHODS)
def rate_edit(request: PageRequest, rate_id: UUID) -> HttpResponse:
    return _edit(request, get_object_or_404(ExchangeRate.objects.all(), pk=rate_id))


@page("exchange_rates.change")
@require_POST
def rate_delete(request: PageRequest, rate_id: UUID) -> HttpResponse:
    try:
        delete_rate(rate_id=rate_id, acting_user=request.user, now=timezone.now())
    except RateNotFound as problem:
        messages.info(request, str(problem))
    else:
        messages.success(request, "The rate is deleted. What was recorded with it keeps it.")
    return redirect("budgets:exchange_rates")


@page("exchange_rates.change")
@require_http_methods(METHODS)
def rates_import(request: PageRequest) -> HttpResponse:
    """First what is in the file, with every problem at once; then the import."""
    if request.method != "POST":
        return _import_page(request, RateImportForm())
    kept = find_upload(request, request.POST.get("kept", ""), purpose=PURPOSE)
    form = RateImportForm(request.POST, request.FILES, kept_file=kept is not None)
    if not form.is_valid():
        return _import_page(request, form, kept=kept, status=422)
    new_file = form.cleaned_data["file"]
    if new_file is not None:
        kept = keep_upload(request, purpose=PURPOSE, filename=new_file.name, content=new_file.read())
    assert kept is not None
    # Whatever was chosen anew is looked at first.
    does_import = "import" in request.POST and new_file is None
    try:
        report = import_rates(
            file=io.BytesIO(kept.content),
            filename=kept.filename,
            acting_user=request.user,
            dry_run=not does_import,
            on_existing=OnExistingRate(form.cleaned_data["on_existing"] or OnExistingRate.REFUSE),
            decimal_mark=form.cleaned_data["decimal_mark"] or None,
        )
    except RateImportRefused as refusal:
        return _import_page(request, form, kept=kept, report=refusal.report, status=409)
    except UnreadableSheet as problem:
        form.add_error("file", problem.message)
        return _import_page(request, form, kept=kept, status=422)
    if does_import:
        forget_upload(request, kept.token, purpose=PURPOSE)
        count = len(report.rates)
        messages.success(request, f"{count} rate{'' if count == 1 else 's'} imported from {kept.filename}.")
        return redirect("budgets:exchange_rates")
    return _import_page(request, form, kept=kept, report=report, status=422 if report.problems else 200)


def _edit(request: PageRequest, rate: ExchangeRate | None) -> HttpResponse:
    form = RateForm(
        request.POST if request.method == "POST" else None,
        currency=request.account.currency,
        rate=rate,
        initial={name: request.GET[name] for name in ("base_currency", "on_date") if name in request.GET},
    )
    if form.is_bound and form.is_valid() and _saved(request, rate, form):
        messages.success(request, "The rate is saved. It holds from its day until the next one's.")
        return redirect("budgets:exchange_rates")
    context = {"form": form, "rate": rate}
    return render(request, "budgets/rates/form.html", context, status=422 if form.is_bound else 200)


def _saved(request: PageRequest, rate: ExchangeRate | None, form: RateForm) -> bool:
    """Save the form's rate, or let the form say why not."""
    fields = form.cleaned_data
    try:
        if rate is None:
            create_rate(acting_user=request.user, **fields)
        else:
            update_rate(rate_id=rate.pk, acting_user=request.user, **fields)
    except RateOutOfRange as problem:
        form.add_error("rate", str(problem))
    except BudgetProblem as problem:
        form.add_error(None, str(problem))
    except ValidationError as problem:
        form.add_error(None, problem)
    else:
        return True
    return False


def _import_page(
    request: PageRequest,
    form: RateImportForm,
    *,
    kept: KeptUpload | None = None,
    report: RateImportReport | None = None,
    status: int = 200,
) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "kept": kept, "report": report}
    if report is not None:
        context |= {"shown": report.rates[:PREVIEWED], "more": max(0, len(report.rates) - PREVIEWED)}
    return render(request, "budgets/rates/import.html", context, status=status)
