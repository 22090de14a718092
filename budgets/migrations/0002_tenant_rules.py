from django.db import migrations

from budgetsite.tenancy.operations import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("events", "0002_tenant_rules"), ("budgets", "0001_initial")]

    operations = [
        SecureTenantTable("Category"),
        SecureTenantTable("EventBudget", replicated=True),
        SecureTenantTable("BudgetLineItem", replicated=True),
        SecureTenantTable("LedgerEntry", append_only=True),
        SecureTenantTable("BudgetDecision", append_only=True),
        SecureTenantTable("HistoricalEventBudget", append_only=True),
        SecureTenantTable("HistoricalBudgetLineItem", append_only=True),
    ]
