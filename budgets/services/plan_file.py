"""The file that a plan is imported from: its columns, and what its rows become."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from django.db import IntegrityError, transaction

from budgets.models import Category, LineKind
from budgets.services.categories import CategoryFinder, ensure_categories
from budgets.services.driver_effects import LONGEST_NAME
from budgets.services.pricing import MAX_QUANTITY
from budgets.services.problems import UnknownCategory
from budgetsite.accounts.models import User
from budgetsite.sheets.columns import (
    Amount,
    Choice,
    Column,
    Integer,
    InvalidCell,
    Number,
    Problem,
    Text,
    normalise_heading,
)

ZERO = Decimal(0)
# As long as a line's texts can be, whoever wrote them: what was exported must fit.
LONGEST_TEXT = 10_000
LAST_PLACE = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ImportProblem:
    """One thing to mend. `row` is the number in the spreadsheet, 0 for the file as a whole.

    `field` is our name of the column, `column` its heading in the file, `value` the cell as it is.
    """

    row: int
    field: str
    column: str
    code: str
    message: str
    value: str = ""

    @property
    def attr(self) -> str:
        """Where it is, for programs: "rows.7.budgeted_amount", or "total_budget_amount" for the whole."""
        if not self.row:
            return self.field
        return f"rows.{self.row}.{self.field}" if self.field else f"rows.{self.row}"


@dataclass(frozen=True, slots=True)
class LinePrice:
    """What makes a line's amount. `driver` is the number's name, "" where the quantity is the line's own."""

    quantity: Decimal
    unit_price: Decimal
    transferred_amount: Decimal
    driver: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class ImportedLine:
    """A row as it is, or would be, stored. Amounts are in the budget's currency.

    `price` is None for a line with an amount of its own.
    """

    row: int
    kind: str
    category: str
    is_new_category: bool
    section: str
    name: str
    description: str
    budgeted_amount: Decimal
    actual_amount: Decimal
    notes: str
    sort_order: int
    is_already_there: bool
    price: LinePrice | None = None

    @property
    def is_income(self) -> bool:
        return self.kind == LineKind.INCOME


def plan_columns(currency: str, category: Callable[[str], object] = str) -> list[Column]:
    """Return the columns of a plan's file; `category` turns a category's name into what it stands for."""
    return [
        Column("category", Choice(category)),
        Column("name", Text(200), aliases=("item", "line item")),
        Column("description", Text(LONGEST_TEXT, multiline=True), required=False),
        Column("section", Text(200), required=False, aliases=("group",)),
        Column("kind", Choice(_kind), required=False),
        Column("quantity", Number(3, ZERO, MAX_QUANTITY), required=False),
        Column("unit_price", Amount(currency, minimum=ZERO), required=False, aliases=("price",)),
        Column("driver", Text(LONGEST_NAME), required=False, label="follows"),
        Column("transferred_amount", Amount(currency), required=False, aliases=("transferred",)),
        Column(
            "budgeted_amount",
            Amount(currency, minimum=ZERO),
            required=False,
            aliases=("budget", "budgeted", "amount", "planned", "planned_amount"),
        ),
        Column("committed_amount", Amount(currency), required=False, aliases=("committed", "promised")),
        Column("actual_amount", Amount(currency), required=False, aliases=("actual", "spent")),
        Column("notes", Text(LONGEST_TEXT, multiline=True), required=False, aliases=("note",)),
        Column("sort_order", Integer(0, LAST_PLACE), required=False, aliases=("position",)),
    ]


def _kind(written: str) -> str:
    """Return the kind of line that a cell names, in any case."""
    kind = written.strip().lower()
    if kind not in LineKind.values:
        raise InvalidCell("unknown_kind", f"Write {' or '.join(LineKind.values)}, or leave the cell empty for a cost.")
    return kind


class CategoriesInFile:
    """Resolves the categories that a file names, and collects those to be made when that is allowed."""

    def __init__(self, *, create: bool) -> None:
        self._finder = CategoryFinder.load()
        self._create = create
        self._new: dict[str, str] = {}

    @property
    def new_names(self) -> list[str]:
        return list(self._new.values())

    def resolve(self, name: str) -> str:
        """Return the category's name as the account writes it. Raises `InvalidCell`, which lists the known ones."""
        try:
            return self._finder.find(name).name
        except UnknownCategory as error:
            if not self._create:
                raise InvalidCell(error.code, str(error)) from error
        if len(name) > 100:
            raise InvalidCell("too_long", f"Shorten this to 100 characters; it has {len(name)}.")
        return self._new.setdefault(name.lower(), name)

    def make_new(self, acting_user: User) -> None:
        """Make the new ones. Those that somebody else has made since the file was read are taken as they are."""
        if not self._new:
            return
        try:
            with transaction.atomic():
                ensure_categories(names=self.new_names, acting_user=acting_user)
        except IntegrityError:
            # Made by somebody else in this very moment: by now it is there to be seen.
            ensure_categories(names=self.new_names, acting_user=acting_user)
        self._finder = CategoryFinder.load()

    def find(self, name: str) -> Category:
        return self._finder.find(name)


def as_import_problem(problem: Problem, columns: list[Column]) -> ImportProblem:
    """Return a cell's problem with our name of its column beside the file's."""
    heading = normalise_heading(problem.column)
    name = next((column.name for column in columns if heading in column.known_headings), "")
    return ImportProblem(
        row=problem.row,
        field=name,
        column=problem.column,
        code=problem.code,
        message=problem.message,
        value=problem.value,
    )
