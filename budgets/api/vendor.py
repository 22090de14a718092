"""`/vendors`: who is paid, and what was promised to them, billed and paid."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.models import Vendor
from budgets.models.vendor import LONGEST_TERMS_DAYS
from budgets.selectors.vendor_spend import spend_of_vendors
from budgets.services.vendor import create_vendor, delete_vendor, update_vendor
from budgetsite.api.views import ContractViewSet
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField

_LONGEST_TEXT = 10_000
_TEXTS = ("contact_name", "email", "phone", "website", "address", "tax_number")
_AMOUNTS = ("promised_amount", "invoiced_amount", "paid_amount", "open_amount")


class VendorInput(serializers.Serializer):
    name = serializers.CharField(max_length=200)
    contact_name = serializers.CharField(max_length=200, required=False, allow_blank=True)
    email = serializers.EmailField(max_length=254, required=False, allow_blank=True)
    phone = serializers.CharField(max_length=50, required=False, allow_blank=True)
    website = serializers.URLField(max_length=500, required=False, allow_blank=True)
    address = serializers.CharField(max_length=_LONGEST_TEXT, required=False, allow_blank=True)
    tax_number = serializers.CharField(max_length=50, required=False, allow_blank=True)
    payment_terms_days = serializers.IntegerField(
        min_value=0,
        max_value=LONGEST_TERMS_DAYS,
        required=False,
        allow_null=True,
        help_text="Bills that do not say it themselves are due so many days after their date.",
    )
    bank_details = serializers.CharField(max_length=_LONGEST_TEXT, required=False, allow_blank=True)
    notes = serializers.CharField(max_length=_LONGEST_TEXT, required=False, allow_blank=True)


class SpendAnswer(serializers.Serializer):
    currency = serializers.CharField()
    expenses_count = serializers.IntegerField()
    promised_amount = MoneyField(help_text="Committed, and no bill has come for it yet.")
    invoiced_amount = MoneyField()
    paid_amount = MoneyField()
    open_amount = MoneyField(help_text="Billed and not paid.")


class VendorAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    contact_name = serializers.CharField()
    email = serializers.CharField()
    phone = serializers.CharField()
    website = serializers.CharField()
    address = serializers.CharField()
    tax_number = serializers.CharField()
    payment_terms_days = serializers.IntegerField(allow_null=True)
    expenses_count = serializers.IntegerField(help_text="Of the expenses that you may see, cancelled ones left out.")
    spend = SpendAnswer(many=True, help_text="By currency.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class VendorDetailAnswer(VendorAnswer):
    bank_details = serializers.CharField()
    notes = serializers.CharField()


def vendor_answer(vendor: Vendor, spend: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Describe a vendor with its sums of `spend_of_vendors`."""
    return {
        "id": str(vendor.pk),
        "name": vendor.name,
        **{name: getattr(vendor, name) for name in _TEXTS},
        "payment_terms_days": vendor.payment_terms_days,
        "expenses_count": sum(row["expenses_count"] for row in spend),
        "spend": [row | {name: amount_to_json(row[name], row["currency"]) for name in _AMOUNTS} for row in spend],
        "created_at": vendor.created_at,
        "updated_at": vendor.updated_at,
    }


class VendorViewSet(ContractViewSet):
    model = Vendor
    tags = ["vendors"]
    actions = {
        "list": "vendors.view",
        "create": "vendors.change",
        "retrieve": "vendors.view",
        "partial_update": "vendors.change",
        "destroy": "vendors.change",
    }
    search_fields = ["name", "contact_name", "email"]
    ordering_fields = {"name": "name", "created_at": "created_at"}

    def visible(self) -> QuerySet[Any]:
        return Vendor.objects.order_by("name", "id")

    @extend_schema(summary="List vendors by name, with what is spent on them", responses=VendorAnswer(many=True))
    def list(self, request: Request) -> Response:
        # What is encrypted is read with one vendor alone.
        vendors = self.filter_queryset(self.get_queryset()).defer("bank_details", "notes")
        page = self.paginate_queryset(vendors) or []
        spend = spend_of_vendors([vendor.pk for vendor in page], user_id=self.user.pk, role=self.role)
        return self.get_paginated_response([vendor_answer(vendor, spend.get(vendor.pk, [])) for vendor in page])

    @extend_schema(summary="Add a vendor", request=VendorInput, responses={201: VendorDetailAnswer})
    def create(self, request: Request) -> Response:
        vendor = create_vendor(acting_user=self.user, **self.read(VendorInput))
        return self._answer(vendor.pk, status=201)

    @extend_schema(summary="Read a vendor", responses=VendorDetailAnswer)
    def retrieve(self, request: Request, vendor_id: UUID) -> Response:
        return self._answer(vendor_id)

    @extend_schema(summary="Change a vendor", request=VendorInput(partial=True), responses=VendorDetailAnswer)
    def partial_update(self, request: Request, vendor_id: UUID) -> Response:
        vendor = self.find(vendor_id)
        update_vendor(vendor=vendor, acting_user=self.user, **self.read(VendorInput, partial=True))
        return self._answer(vendor_id)

    @extend_schema(summary="Delete a vendor that no expense names", responses={204: None})
    def destroy(self, request: Request, vendor_id: UUID) -> Response:
        delete_vendor(vendor=self.find(vendor_id), acting_user=self.user, now=timezone.now())
        return Response(status=204)

    def _answer(self, vendor_id: UUID, *, status: int = 200) -> Response:
        vendor = self.find(vendor_id)
        spend = spend_of_vendors([vendor.pk], user_id=self.user.pk, role=self.role).get(vendor.pk, [])
        secret = {"bank_details": vendor.bank_details, "notes": vendor.notes}
        return Response({**vendor_answer(vendor, spend), **secret}, status=status)
