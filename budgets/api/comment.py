"""`/event-budgets/{id}/comments`, `/expenses/{id}/comments`: what the team and the client say to each other."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.models import BudgetComment, EventBudget, Expense
from budgets.selectors.comments import comments_of_budget, comments_of_expense
from budgets.services.comment import (
    LONGEST_COMMENT,
    CommentNotFound,
    CommentNotYours,
    CommentTooLong,
    EmptyComment,
    add_comment,
    delete_comment,
)
from budgetsite.api.errors import conflict, field_error, not_found, translate_problems
from budgetsite.api.keyset import KeysetPagination
from budgetsite.api.views import ContractViewSet


class CommentInput(serializers.Serializer):
    text = serializers.CharField(max_length=LONGEST_COMMENT)


class CommentAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    budget_id = serializers.UUIDField()
    expense_id = serializers.UUIDField(allow_null=True, help_text="Null: it is about the budget.")
    author = serializers.UUIDField()
    author_name = serializers.CharField()
    is_own = serializers.BooleanField(help_text="Written by whoever asks, who may delete it.")
    text = serializers.CharField()
    created_at = serializers.DateTimeField()


class _CommentViewSet(ContractViewSet):
    tags = ["comments"]
    actions = {"list": "comments.view", "create": "comments.write", "destroy": "comments.write"}
    pagination_class = KeysetPagination
    cursor_ordering = "-created_at"
    ordering_fields = {"created_at": "created_at"}

    def _describe(self, comment: BudgetComment) -> dict[str, Any]:
        return {
            "id": str(comment.pk),
            "budget_id": str(comment.budget_id),
            "expense_id": comment.expense_id,
            "author": str(comment.author_id),
            "author_name": str(comment.author),
            "is_own": comment.author_id == self.user.pk,
            "text": comment.text,
            "created_at": comment.created_at,
        }

    def _add(self, budget: EventBudget, expense: Expense | None = None) -> Response:
        text = self.read(CommentInput)["text"]
        comment = add_comment(budget=budget, expense=expense, acting_user=self.user, text=text)
        return Response(self._describe(comment), status=201)

    def _delete(self, comments: QuerySet[BudgetComment], comment_id: UUID) -> Response:
        comment = comments.filter(pk=comment_id).first()
        if comment is None:
            raise Http404
        delete_comment(comment=comment, acting_user=self.user, now=timezone.now())
        return Response(status=204)


class BudgetCommentViewSet(_CommentViewSet):
    model = EventBudget

    def visible(self) -> QuerySet[Any]:
        return EventBudget.objects.visible_to(user_id=self.user.pk, role=self.role)

    @extend_schema(
        summary="List what was said about a budget and its expenses, newest first",
        responses=CommentAnswer(many=True),
    )
    def list(self, request: Request, budget_id: UUID) -> Response:
        return self.page_of(comments_of_budget(self.find(budget_id).pk), self._describe)

    @extend_schema(summary="Say something about a budget", request=CommentInput, responses={201: CommentAnswer})
    def create(self, request: Request, budget_id: UUID) -> Response:
        return self._add(self.find(budget_id))

    @extend_schema(summary="Delete one's own comment", responses={204: None})
    def destroy(self, request: Request, budget_id: UUID, comment_id: UUID) -> Response:
        return self._delete(comments_of_budget(self.find(budget_id).pk), comment_id)


class ExpenseCommentViewSet(_CommentViewSet):
    model = Expense

    def visible(self) -> QuerySet[Any]:
        return Expense.objects.visible_to(user_id=self.user.pk, role=self.role).select_related("budget").defer("notes")

    @extend_schema(summary="List what was said about an expense, newest first", responses=CommentAnswer(many=True))
    def list(self, request: Request, expense_id: UUID) -> Response:
        return self.page_of(comments_of_expense(self.find(expense_id).pk), self._describe)

    @extend_schema(summary="Say something about an expense", request=CommentInput, responses={201: CommentAnswer})
    def create(self, request: Request, expense_id: UUID) -> Response:
        expense: Expense = self.find(expense_id)
        return self._add(expense.budget, expense)

    @extend_schema(summary="Delete one's own comment", responses={204: None})
    def destroy(self, request: Request, expense_id: UUID, comment_id: UUID) -> Response:
        return self._delete(comments_of_expense(self.find(expense_id).pk), comment_id)


translate_problems(
    {
        EmptyComment: field_error("text"),
        CommentTooLong: field_error("text"),
        CommentNotFound: not_found,
        CommentNotYours: conflict(),
    }
)
