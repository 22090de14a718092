from django.urls import include, path

from budgets.views import event_budget, history, ledger, line_item, plan_export, plan_import, transfer, workflow

budget_patterns = [
    path("edit", event_budget.budget_edit, name="edit"),
    path("delete", event_budget.budget_delete, name="delete"),
    path("restore", event_budget.budget_restore, name="restore"),
    path("export", plan_export.budget_export, name="export"),
    path("history", history.budget_history, name="history"),
    path("ledger", ledger.budget_ledger, name="ledger"),
    path("transfers", transfer.transfers, name="transfers"),
    path("transfers/new", transfer.transfer_new, name="transfer_new"),
    path("transfers/<uuid:transfer_id>/<slug:step>", transfer.transfer_step, name="transfer_step"),
    path("moves/<slug:action>", workflow.budget_move, name="move"),
    path("lines/new", line_item.line_add, name="line_add"),
    path("lines/new/cancel", line_item.line_add_cancel, name="line_add_cancel"),
    path("lines/<uuid:line_item_id>", line_item.line_detail, name="line"),
    path("lines/<uuid:line_item_id>/edit", line_item.line_edit, name="line_edit"),
    path("lines/<uuid:line_item_id>/move", line_item.line_move, name="line_move"),
    path("lines/<uuid:line_item_id>/remove", line_item.line_remove, name="line_remove"),
    path("lines/<uuid:line_item_id>/restore", line_item.line_restore, name="line_restore"),
]

urlpatterns = [
    path(
        "",
        include(
            (
                [
                    path("approvals", workflow.approvals, name="approvals"),
                    path("import", plan_import.import_plan_page, name="import"),
                    path("events/<uuid:event_id>/budget/new", event_budget.budget_create, name="create"),
                    path("budgets/<uuid:budget_id>", event_budget.budget_detail, name="detail"),
                    path("budgets/<uuid:budget_id>/", include(budget_patterns)),
                ],
                "budgets",
            )
        ),
    ),
]
