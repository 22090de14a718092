"""What the budgets' endpoints answer. Each answer is made by hand (a list of fifty costs half of what serializers take)
beside the serializer that describes it in the schema; a test holds the two together.
"""

from budgets.api.answers.category import CategoryAnswer, category_answer
from budgets.api.answers.event_budget import (
    BudgetAnswer,
    BudgetAsOfAnswer,
    BudgetDetailAnswer,
    FinalizedAnswer,
    FunderAnswer,
    WarningAnswer,
    as_of_answer,
    budget_answer,
    budget_detail,
    without_internals,
)
from budgets.api.answers.ledger_entry import LedgerEntryAnswer, entry_answer
from budgets.api.answers.line_item import LineItemAnswer, LineItemsAnswer, line_answer
from budgets.api.answers.story import (
    ChangeAnswer,
    ChangedFieldAnswer,
    DecisionAnswer,
    PersonAnswer,
    change_answer,
    changed_field_answer,
    decision_answer,
)
from budgets.api.answers.sums import SummaryAnswer, with_amounts

__all__ = [
    "BudgetAnswer",
    "BudgetAsOfAnswer",
    "BudgetDetailAnswer",
    "CategoryAnswer",
    "ChangeAnswer",
    "ChangedFieldAnswer",
    "DecisionAnswer",
    "FinalizedAnswer",
    "FunderAnswer",
    "LedgerEntryAnswer",
    "LineItemAnswer",
    "LineItemsAnswer",
    "PersonAnswer",
    "SummaryAnswer",
    "WarningAnswer",
    "as_of_answer",
    "budget_answer",
    "budget_detail",
    "category_answer",
    "change_answer",
    "changed_field_answer",
    "decision_answer",
    "entry_answer",
    "line_answer",
    "with_amounts",
    "without_internals",
]
