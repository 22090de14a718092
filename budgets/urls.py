from django.urls import include, path

from budgets.views import (
    approval_rules,
    approvals,
    budget_opening,
    driver,
    event_budget,
    history,
    ledger,
    line_item,
    plan_export,
    plan_import,
    revision,
    template,
    template_editor,
    template_save,
    transfer,
    workflow,
)
from budgets.views.analytics import pages as analytics

analytics_patterns = [
    path("", analytics.analytics_overview, name="analytics_overview"),
    path("trends", analytics.analytics_trends, name="analytics_trends"),
    path("categories", analytics.analytics_categories, name="analytics_categories"),
    path("payments", analytics.analytics_payments, name="analytics_payments"),
    path("clients", analytics.analytics_clients, name="analytics_clients"),
    path("events", analytics.analytics_events, name="analytics_events"),
    path("events/<uuid:event_id>", analytics.analytics_event, name="analytics_event"),
    path("accuracy", analytics.analytics_accuracy, name="analytics_accuracy"),
    path("overspend", analytics.analytics_overspend, name="analytics_overspend"),
    path("movements", analytics.analytics_movements, name="analytics_movements"),
    path("lines", analytics.analytics_lines, name="analytics_lines"),
    path("expenses", analytics.analytics_expenses, name="analytics_expenses"),
]

budget_patterns = [
    path("typical-shares", analytics.budget_typical_shares, name="typical_shares"),
    path("edit", event_budget.budget_edit, name="edit"),
    path("delete", event_budget.budget_delete, name="delete"),
    path("restore", event_budget.budget_restore, name="restore"),
    path("save-as-template", template_save.save_as_template, name="save_as_template"),
    path("export", plan_export.budget_export, name="export"),
    path("history", history.budget_history, name="history"),
    path("ledger", ledger.budget_ledger, name="ledger"),
    path("revisions", revision.revisions, name="revisions"),
    path("revisions/compare", revision.revision_diff, name="revision_diff"),
    path("revisions/discard", revision.revision_discard, name="revision_discard"),
    path("revisions/<int:number>", revision.revision, name="revision"),
    path("as-of", revision.plan_as_of, name="as_of"),
    path("transfers", transfer.transfers, name="transfers"),
    path("transfers/new", transfer.transfer_new, name="transfer_new"),
    path("transfers/<uuid:transfer_id>/<slug:step>", transfer.transfer_step, name="transfer_step"),
    path("moves/<slug:action>", workflow.budget_move, name="move"),
    path("quantities/new", driver.driver_add, name="driver_add"),
    path("quantities/<uuid:driver_id>", driver.driver_edit, name="driver_edit"),
    path("quantities/<uuid:driver_id>/guests", driver.driver_take_guests, name="driver_take_guests"),
    path("quantities/<uuid:driver_id>/remove", driver.driver_remove, name="driver_remove"),
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
                    path("analytics/", include(analytics_patterns)),
                    path("approvals", approvals.approvals, name="approvals"),
                    path("approval-rules", approval_rules.approval_rules, name="approval_rules"),
                    path("approval-rules/new", approval_rules.rule_create, name="approval_rule_create"),
                    path("approval-rules/<uuid:rule_id>", approval_rules.rule_edit, name="approval_rule_edit"),
                    path(
                        "approval-rules/<uuid:rule_id>/remove", approval_rules.rule_remove, name="approval_rule_remove"
                    ),
                    path("import", plan_import.import_plan_page, name="import"),
                    path("events/<uuid:event_id>/budget/new", budget_opening.budget_create, name="create"),
                    path("templates", template.templates, name="templates"),
                    path("templates/new", template_editor.template_create, name="template_new"),
                    path("templates/<uuid:template_id>", template.template_detail, name="template"),
                    path("templates/<uuid:template_id>/edit", template_editor.template_edit, name="template_edit"),
                    path("templates/<uuid:template_id>/use", template.template_use, name="template_use"),
                    path("templates/<uuid:template_id>/delete", template.template_delete, name="template_delete"),
                    path("templates/<uuid:template_id>/restore", template.template_restore, name="template_restore"),
                    path("budgets/<uuid:budget_id>", event_budget.budget_detail, name="detail"),
                    path("budgets/<uuid:budget_id>/", include(budget_patterns)),
                ],
                "budgets",
            )
        ),
    ),
]
