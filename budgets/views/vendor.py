"""Vendors: who is paid, what they cost, how to reach them."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from budgets.forms.vendor import VendorForm, VendorSearchForm
from budgets.models import Vendor
from budgets.selectors.vendor_spend import spend_of_vendors
from budgets.selectors.vendors import VENDORS_PER_PAGE, spend_by_event, vendors_by_name
from budgets.services.expense_problems import VendorExists, VendorInUse
from budgets.services.vendor import create_vendor, delete_vendor, restore_vendor, update_vendor
from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest, page, visible
from budgetsite.pages.keyset import address
from budgetsite.tenancy.scope import deleted_rows_visible

METHODS = ["GET", "HEAD", "POST"]


@page("vendors.view")
@require_safe
def vendors(request: PageRequest) -> HttpResponse:
    form = VendorSearchForm(request.GET, auto_id="find-%s")
    form.is_valid()
    search = form.cleaned_data.get("search", "")
    found = list(vendors_by_name(search=search, after=_after(request))[: VENDORS_PER_PAGE + 1])
    shown = found[:VENDORS_PER_PAGE]
    spend = spend_of_vendors([vendor.pk for vendor in shown], **visible(request))
    more = address(request, after=str(shown[-1].pk)) if len(found) > VENDORS_PER_PAGE else ""
    context = {
        "form": form,
        "search": search,
        "rows": [(vendor, spend.get(vendor.pk, [])) for vendor in shown],
        "more_url": more,
        "is_first": "after" not in request.GET,
        "may_change": may(request.role, "vendors.change"),
    }
    return render(request, "budgets/vendors/list.html", context)


@page("vendors.view")
@require_safe
def vendor_detail(request: PageRequest, vendor_id: UUID) -> HttpResponse:
    vendor = _vendor_or_404(vendor_id)
    context = {
        "vendor": vendor,
        "rows": spend_by_event(vendor.pk, **visible(request)),
        "may_change": may(request.role, "vendors.change"),
    }
    return render(request, "budgets/vendors/detail.html", context)


@page("vendors.change")
@require_http_methods(METHODS)
def vendor_create(request: PageRequest) -> HttpResponse:
    return _edit(request, None)


@page("vendors.change")
@require_http_methods(METHODS)
def vendor_edit(request: PageRequest, vendor_id: UUID) -> HttpResponse:
    return _edit(request, _vendor_or_404(vendor_id))


@page("vendors.change")
@require_POST
def vendor_delete(request: PageRequest, vendor_id: UUID) -> HttpResponse:
    """Deletes at one press, because one press undoes it."""
    vendor = _vendor_or_404(vendor_id)
    try:
        delete_vendor(vendor=vendor, acting_user=request.user, now=timezone.now())
    except VendorInUse as problem:
        messages.error(request, str(problem))
        return redirect("budgets:vendor", vendor.pk)
    undo = reverse("budgets:vendor_restore", args=[vendor.pk])
    messages.success(request, f"{vendor.name} is deleted.", extra_tags=undo)
    return redirect("budgets:vendors")


@page("vendors.change")
@require_POST
def vendor_restore(request: PageRequest, vendor_id: UUID) -> HttpResponse:
    with deleted_rows_visible():
        vendor = _vendor_or_404(vendor_id)
    try:
        restore_vendor(vendor=vendor, acting_user=request.user)
    except VendorExists as problem:
        messages.error(request, str(problem))
        return redirect("budgets:vendors")
    messages.success(request, f"{vendor.name} is back.")
    return redirect("budgets:vendor", vendor.pk)


def _edit(request: PageRequest, vendor: Vendor | None) -> HttpResponse:
    form = VendorForm(request.POST if request.method == "POST" else None, instance=vendor)
    if form.is_bound and form.is_valid():
        saved = _saved(request, vendor, form)
        if saved is not None:
            messages.success(request, f"{saved.name} saved.")
            return redirect("budgets:vendor", saved.pk)
    context: dict[str, Any] = {"form": form, "vendor": vendor}
    return render(request, "budgets/vendors/form.html", context, status=422 if form.is_bound else 200)


def _saved(request: PageRequest, vendor: Vendor | None, form: VendorForm) -> Vendor | None:
    """Save the form's vendor, or let the form say why not."""
    try:
        if vendor is None:
            return create_vendor(acting_user=request.user, **form.cleaned_data)
        return update_vendor(vendor=vendor, acting_user=request.user, **form.cleaned_data)
    except VendorExists as problem:
        form.add_error("name", str(problem))
    except ValidationError as problem:
        form.add_error(None, problem)
    return None


def _vendor_or_404(vendor_id: UUID) -> Vendor:
    found: Vendor = get_object_or_404(Vendor.objects.all(), pk=vendor_id)
    return found


def _after(request: PageRequest) -> tuple[str, UUID] | None:
    """Return the place in the list that the address names; the beginning, where it names none."""
    text = request.GET.get("after", "")
    try:
        vendor: Vendor | None = Vendor.objects.filter(pk=UUID(text)).first()
    except ValueError:
        return None
    return (vendor.name, vendor.pk) if vendor is not None else None
