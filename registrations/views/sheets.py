"""Registrations as tables: taken away as CSV or XLSX, and decided on by one."""

import io
from dataclasses import replace
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from budgetsite.pages.access import PageRequest
from budgetsite.pages.downloads import download
from budgetsite.pages.kept_upload import KeptUpload, find_upload, forget_upload, keep_upload
from budgetsite.sheets.columns import UnreadableSheet
from events.models import Event
from registrations.forms.registration import StatusImportForm
from registrations.models import RegistrationStatus
from registrations.services.registration_export import SheetFormat, export_registrations
from registrations.services.status_import import StatusImportRefused, StatusReport, import_statuses
from registrations.views.page_parts import desk_context, event_or_404, page_of_event, slots_in_words


@page_of_event("registrations.decide")
@require_safe
def export(request: PageRequest, event_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    wanted, status = request.GET.get("format", ""), request.GET.get("status", "")
    file = export_registrations(
        event=event,
        acting_user=request.user,
        role=request.role,
        sheet_format=SheetFormat(wanted) if wanted in SheetFormat.values else SheetFormat.CSV,
        status=status if status in RegistrationStatus.values else None,
    )
    return download(file.content, filename=file.filename, content_type=file.content_type)


@page_of_event("registrations.decide")
@require_http_methods(["GET", "HEAD", "POST"])
def status_import(request: PageRequest, event_id: UUID) -> HttpResponse:
    """Look at a table first, then carry out what was looked at: all rows, or none with every problem."""
    event = event_or_404(request, event_id)
    if request.method != "POST":
        return _import_page(request, event, StatusImportForm())
    purpose, token = f"status-import:{event.pk}", request.POST.get("kept", "")
    kept = find_upload(request, token, purpose=purpose)
    form = StatusImportForm(request.POST, request.FILES, has_kept=kept is not None, was_kept=bool(token))
    if not form.is_valid():
        return _import_page(request, event, form, kept=kept, status=422)
    new_file = form.cleaned_data["file"]
    if new_file is not None:
        kept = keep_upload(request, purpose=purpose, filename=new_file.name, content=new_file.read())
    assert kept is not None
    # Whatever was chosen anew is looked at first.
    carries_out = "carry_out" in request.POST and new_file is None
    try:
        report = import_statuses(
            event=event,
            file=io.BytesIO(kept.content),
            filename=kept.filename,
            acting_user=request.user,
            now=timezone.now(),
            dry_run=not carries_out,
        )
    except StatusImportRefused as refusal:
        return _import_page(request, event, form, kept=kept, report=refusal.report, status=409)
    except UnreadableSheet as problem:
        form.add_error("file", problem.message)
        return _import_page(request, event, form, status=422)
    if carries_out:
        forget_upload(request, kept.token, purpose=purpose)
        messages.success(request, f"{kept.filename} is carried out: {_changed(report)} changed.")
        return redirect("registrations:desk", event.pk)
    return _import_page(request, event, form, kept=kept, report=report, status=422 if report.problems else 200)


def _import_page(
    request: PageRequest,
    event: Event,
    form: StatusImportForm,
    *,
    kept: KeptUpload | None = None,
    report: StatusReport | None = None,
    status: int = 200,
) -> HttpResponse:
    problems = report.problems if report else []
    context = desk_context(request, event, "desk") | {
        "form": form,
        "kept": kept,
        "report": report,
        "problems": [replace(problem, message=slots_in_words(problem.message)) for problem in problems],
        "changed": _changed(report) if report else 0,
    }
    return render(request, "registrations/status_import.html", context, status=status)


def _changed(report: StatusReport) -> int:
    return sum(row.changes for row in report.rows)
