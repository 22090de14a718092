from decimal import Decimal

from budgets.models import EventBudget
from budgets.services.ledger_proof import verify_ledger
from budgetsite.testing.budgets import make_budget, make_line


def test_a_line_counts_in_its_budget(account, owner):
    budget = make_budget(account, owner)
    make_line(budget, owner, actual_amount="12.50")
    assert EventBudget.objects.get(pk=budget.pk).total_actual_amount == Decimal("12.500")
    assert verify_ledger() == []


def test_a_line_counts_in_its_budget_committed(committed_db, account, owner):
    from django.db import transaction

    with transaction.atomic():
        budget = make_budget(account, owner)
        make_line(budget, owner, actual_amount="12.50")
        assert EventBudget.objects.get(pk=budget.pk).total_actual_amount == Decimal("12.500")
        assert verify_ledger() == []
