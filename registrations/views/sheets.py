"""Registrations as tables: taken away as CSV or XLSX, and decided on by one."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from budgetsite.pages.access import PageRequest, page
from budgetsite.pages.downloads import download
from registrations.forms.registration import StatusImportForm
from registrations.models import RegistrationStatus
from registrations.services.registration_export import SheetFormat, export_registrations
from registrations.services.status_import import StatusImportRefused, import_statuses
from registrations.views.page_parts import desk_context, event_or_404


@page("registrations.decide")
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


@page("registrations.decide")
@require_http_methods(["GET", "HEAD", "POST"])
def status_import(request: PageRequest, event_id: UUID) -> HttpResponse:
    """Look at a table, or carry it out: all rows, or none with every problem."""
    event = event_or_404(request, event_id)
    form = StatusImportForm(
        request.POST if request.method == "POST" else None, request.FILES if request.method == "POST" else None
    )
    report, status, looked = None, 422 if form.is_bound else 200, "look" in request.POST
    if form.is_bound and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            report = import_statuses(
                event=event,
                file=upload,
                filename=upload.name,
                acting_user=request.user,
                now=timezone.now(),
                dry_run=looked,
            )
            status = 422 if report.problems else 200
        except StatusImportRefused as refusal:
            report = refusal.report
    context = desk_context(request, event, "desk") | {
        "form": form,
        "report": report,
        "looked": looked,
        "changed": sum(row.changes for row in report.rows) if report else 0,
    }
    return render(request, "registrations/status_import.html", context, status=status)
