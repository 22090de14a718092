from django.db import migrations

from budgetsite.tenancy.operations import SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("budgets", "0012_expenses")]

    operations = [
        SecureTenantTable("Vendor"),
        SecureTenantTable("ExchangeRate"),
        SecureTenantTable("ExpensePolicy"),
        SecureTenantTable("Expense", replicated=True),
        SecureTenantTable("ExpenseInvoice"),
        SecureTenantTable("ExpensePayment"),
        SecureTenantTable("CalendarFeed"),
        SecureTenantTable("Receipt"),
        SecureTenantTable("BudgetComment"),
        SecureTenantTable("HistoricalVendor", append_only=True),
        SecureTenantTable("HistoricalExchangeRate", append_only=True),
        SecureTenantTable("HistoricalExpensePolicy", append_only=True),
        SecureTenantTable("HistoricalExpense", append_only=True),
        SecureTenantTable("HistoricalExpenseInvoice", append_only=True),
        SecureTenantTable("HistoricalExpensePayment", append_only=True),
    ]
