from django.apps import AppConfig


class BudgetsConfig(AppConfig):
    name = "budgets"

    def ready(self) -> None:
        from budgets import receivers, sights  # noqa: F401  (connects the signals)
        from budgets.personal_data import register
        from budgets.selectors.approvals import approvals_waiting
        from budgets.selectors.expense_approvals import expenses_to_decide
        from budgets.selectors.transfers import transfers_to_decide
        from budgetsite.pages.navigation import register_counter

        register()
        sights.register()
        register_counter("approvals_waiting", approvals_waiting)
        register_counter("transfers_waiting", transfers_to_decide)
        register_counter("expenses_waiting", expenses_to_decide)
