from django.db import migrations

from budgetsite.tenancy.operations import AddTenantForeignKey, SecureTenantTable


class Migration(migrations.Migration):
    dependencies = [("budgets", "0005_plan_lifecycle")]

    operations = [
        SecureTenantTable("ApprovalRule"),
        SecureTenantTable("ApprovalStage"),
        SecureTenantTable("BudgetRevision", append_only=True),
        SecureTenantTable("PlanLine", append_only=True),
        SecureTenantTable("BudgetTransfer"),
        SecureTenantTable("PlanDriver"),
        SecureTenantTable("BudgetTemplate"),
        SecureTenantTable("TemplateLine"),
        SecureTenantTable("HistoricalApprovalRule", append_only=True),
        SecureTenantTable("HistoricalPlanDriver", append_only=True),
        SecureTenantTable("HistoricalBudgetTemplate", append_only=True),
        AddTenantForeignKey("BudgetLineItem", "driver"),
        AddTenantForeignKey("BudgetLineItem", "based_on"),
        AddTenantForeignKey("EventBudget", "copied_from"),
    ]
