"""Plans that are approved and revised in tests: an owner who works on them, a manager who approves."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils import timezone

from budgets.models import BudgetLineItem, EntryKind, EntrySource, EventBudget
from budgets.services import ledger
from budgets.services.event_budget import update_event_budget
from budgets.services.line_item import delete_line_item, update_line_item
from budgets.services.transfer import transfer_between_lines
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import deleted_rows_visible
from budgetsite.testing.budgets import make_budget, make_line, move
from budgetsite.testing.people import make_member


@dataclass(frozen=True, slots=True)
class Story:
    """One budget and the two people of its account. Each step acts on the budget as it is now."""

    account: Account
    owner: User
    manager: User
    budget: EventBudget

    def now(self) -> EventBudget:
        found: EventBudget = EventBudget.objects.select_related("event").get(pk=self.budget.pk)
        return found

    def line(self, name: str) -> BudgetLineItem:
        """Return a line by its name, a deleted one too."""
        with deleted_rows_visible():
            found: BudgetLineItem = BudgetLineItem.objects.get(budget=self.budget, name=name)
            return found

    def step(self, action: str, **options: Any) -> EventBudget:
        who, role = (self.manager, Role.MANAGER) if action == "approve" else (self.owner, Role.OWNER)
        if action in ("revise", "reject"):
            options.setdefault("reason", "More guests than planned")
        return move(self.budget, action, user=who, role=role, account=self.account, **options)

    def approve(self) -> EventBudget:
        self.step("submit")
        return self.step("approve")

    def add(self, **fields: Any) -> BudgetLineItem:
        return make_line(self.budget, self.owner, **fields)

    def change(self, name: str, /, **fields: Any) -> BudgetLineItem:
        return update_line_item(
            budget_id=self.budget.pk,
            line_item_id=self.line(name).pk,
            version=self.now().version,
            acting_user=self.owner,
            **fields,
        )

    def remove(self, name: str) -> None:
        delete_line_item(
            budget_id=self.budget.pk, line_item_id=self.line(name).pk, acting_user=self.owner, now=timezone.now()
        )

    def set_total(self, total: str) -> EventBudget:
        return update_event_budget(
            budget_id=self.budget.pk,
            version=self.now().version,
            acting_user=self.owner,
            total_budget_amount=Decimal(total),
        )

    def transfer(self, source: str, target: str, amount: str) -> None:
        transfer_between_lines(
            budget_id=self.budget.pk,
            from_line_id=self.line(source).pk,
            to_line_id=self.line(target).pk,
            amount=Decimal(amount),
            reason="Cheaper than planned",
            acting_user=self.owner,
            acting_role=Role.OWNER,
            account=self.account,
            now=timezone.now(),
        )

    def post(
        self,
        amount: str,
        name: str | None = None,
        *,
        kind: EntryKind = EntryKind.ACTUAL,
        on_overrun: str | None = None,
    ) -> None:
        delta = "committed_delta" if kind in (EntryKind.COMMIT, EntryKind.RELEASE) else "actual_delta"
        ledger.post(
            budget_id=self.budget.pk,
            line_item_id=self.line(name).pk if name else None,
            kind=kind,
            currency=self.budget.currency,
            source=EntrySource.MANUAL,
            on_overrun=on_overrun,
            **{delta: Decimal(amount)},
        )


def begin_story(account: Account, *, total: str | None = "1000") -> Story:
    """Open a budget with a hall of 600, a band of 300 and tickets of 200 that come in."""
    owner, manager = make_member(account, Role.OWNER).user, make_member(account, Role.MANAGER).user
    budget = make_budget(account, owner, total=total)
    story = Story(account, owner, manager, budget)
    story.add(name="Hall", budgeted_amount="600")
    story.add(name="Band", category="Entertainment", budgeted_amount="300")
    story.add(name="Tickets", category="Miscellaneous", kind="income", budgeted_amount="200")
    return story
