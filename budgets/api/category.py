"""`/categories`."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api import answers
from budgets.api.inputs import CategoryInput
from budgets.models import Category
from budgets.selectors.analytics.inquiry import inquiry_at
from budgets.selectors.analytics.shares import ShareStatistics, share_statistics
from budgets.selectors.category_statistics import statistics_of
from budgets.services.categories import create_category, delete_category, update_category
from budgetsite.api.views import ContractViewSet


class CategoryViewSet(ContractViewSet):
    model = Category
    tags = ["categories"]
    actions = {
        "list": "categories.view",
        "create": "categories.change",
        "retrieve": "categories.view",
        "partial_update": "categories.change",
        "destroy": "categories.change",
    }
    search_fields = ["name"]
    ordering_fields = {"name": "name", "sort_order": "sort_order", "benchmark_share": "benchmark_share"}

    def visible(self) -> QuerySet[Any]:
        return Category.objects.order_by("sort_order", "name", "id")

    @extend_schema(
        summary="List categories with typical shares and figures", responses=answers.CategoryAnswer(many=True)
    )
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        figures = statistics_of([category.pk for category in page], user_id=self.user.pk, role=self.role)
        shares = self._shares()
        return self.get_paginated_response(
            [
                answers.category_answer(category, figures.get(category.pk, []), shares.get(category.pk))
                for category in page
            ]
        )

    @extend_schema(summary="Add a category", request=CategoryInput, responses={201: answers.CategoryAnswer})
    def create(self, request: Request) -> Response:
        category = create_category(acting_user=self.user, **self.read(CategoryInput))
        return self._answer(category, status=201)

    @extend_schema(summary="Read a category", responses=answers.CategoryAnswer)
    def retrieve(self, request: Request, category_id: UUID) -> Response:
        return self._answer(self.find(category_id))

    @extend_schema(summary="Change a category", request=CategoryInput(partial=True), responses=answers.CategoryAnswer)
    def partial_update(self, request: Request, category_id: UUID) -> Response:
        category = self.find(category_id)
        values = self.read(CategoryInput, partial=True)
        return self._answer(update_category(category=category, acting_user=self.user, **values))

    @extend_schema(summary="Delete a category that no line uses", responses={204: None})
    def destroy(self, request: Request, category_id: UUID) -> Response:
        delete_category(category=self.find(category_id), acting_user=self.user, now=timezone.now())
        return Response(status=204)

    def _answer(self, category: Category, *, status: int = 200) -> Response:
        figures = statistics_of([category.pk], user_id=self.user.pk, role=self.role)
        shares = self._shares().get(category.pk)
        return Response(answers.category_answer(category, figures.get(category.pk, []), shares), status=status)

    def _shares(self) -> dict[UUID, ShareStatistics]:
        return share_statistics(inquiry_at(timezone.now(), account=self.account, user_id=self.user.pk, role=self.role))
