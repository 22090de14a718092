"""Importing a budget's plan from a CSV or XLSX file: every problem of every row at once, all rows or none."""

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, BinaryIO
from uuid import UUID

from django.db import transaction
from django.db.models import Max, TextChoices
from django.utils import timezone

from budgets.models import BudgetLineItem, EntryKind, EntrySource, EventBudget, LineKind
from budgets.services import ledger
from budgets.services.event_budget import create_event_budget, update_event_budget
from budgets.services.guards import lock_budget, refuse_fixed_plan
from budgets.services.line_item import insert_lines
from budgets.services.plan_file import (
    CategoriesInFile,
    ImportedLine,
    ImportProblem,
    LinePrice,
    as_import_problem,
    plan_columns,
)
from budgets.services.plan_file_prices import PricesInFile
from budgets.services.problems import (
    BudgetNotFound,
    BudgetProblem,
    LinesExceedTotal,
    StaleVersion,
    TotalOutOfRange,
)
from budgets.services.recalculation import recalculate_budget, recalculation_paused
from budgetsite.accounts.models import User
from budgetsite.money.amounts import MAX_AMOUNT, parse_amount
from budgetsite.money.typed_amounts import DecimalMark
from budgetsite.sheets.columns import Row, Sheet
from budgetsite.sheets.reading import MAX_BYTES, read_sheet
from events.models import Event

ZERO = Decimal(0)


class OnExisting(TextChoices):
    """What happens to a row that the budget has already: the same section, category and name."""

    REFUSE = "refuse", "Refuse the file"
    SKIP = "skip", "Leave the row out"
    ADD = "add", "Add it once more"


@dataclass(slots=True)
class ImportReport:
    """What an import has done, or would do. `budget` is None while the event has none.

    `lines` are those that are stored; `skipped` those left out because they are there already.
    """

    currency: str
    budget: EventBudget | None
    sheet: Sheet
    total_budget_amount: Decimal
    lines: list[ImportedLine] = field(default_factory=list)
    skipped: list[ImportedLine] = field(default_factory=list)
    problems: list[ImportProblem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    new_categories: list[str] = field(default_factory=list)
    new_drivers: list[str] = field(default_factory=list)

    @property
    def budgeted_amount(self) -> Decimal:
        """The sum of the lines of cost, which is what the budget's total has to hold."""
        return sum((line.budgeted_amount for line in self.lines if not line.is_income), ZERO)

    @property
    def actual_amount(self) -> Decimal:
        return sum((line.actual_amount for line in self.lines if not line.is_income), ZERO)

    @property
    def projected_income_amount(self) -> Decimal:
        return sum((line.budgeted_amount for line in self.lines if line.is_income), ZERO)

    @property
    def income_amount(self) -> Decimal:
        return sum((line.actual_amount for line in self.lines if line.is_income), ZERO)


class ImportRefused(BudgetProblem):
    """The file has problems; nothing was stored. `report` lists them all."""

    code = "import_refused"

    def __init__(self, report: ImportReport) -> None:
        self.report = report
        count = len(report.problems)
        super().__init__(
            f"The file has {count} problem{'' if count == 1 else 's'}. Nothing was imported: "
            "mend the file and try again."
        )


@transaction.atomic
def import_plan(
    *,
    file: BinaryIO,
    filename: str,
    acting_user: User,
    budget_id: UUID | None = None,
    event: Event | None = None,
    version: int | None = None,
    dry_run: bool = False,
    create_categories: bool = False,
    on_existing: OnExisting = OnExisting.REFUSE,
    total_budget_amount: Decimal | None = None,
    decimal_mark: DecimalMark | None = None,
) -> ImportReport:
    """Add the rows of a file to the plan of a budget, or of an event; an event without a budget gets one.

    `total_budget_amount` becomes the budget's ceiling; a new budget without one follows its lines. An actual is posted
    as one ledger entry with the file's SHA-256 as its `source_id`. A dry run stores and locks nothing and reports the
    rows as they would be stored. At most 10,000 rows and 10 MB; the file is read before the budget is locked.

    Raises `ImportRefused` with every problem of every row (a dry run reports them), `UnreadableSheet`,
    `BudgetNotFound`, `PlanFixed`, `BudgetLocked`, `StaleVersion`, `BudgetExists`, and `InvalidAmount` for the total.
    """
    if (budget_id is None) == (event is None):
        raise TypeError("an import goes either to a budget or to an event")
    budget = _present_budget(budget_id, event)
    if budget is not None:
        # Before the file is read; whatever changes while it is, the lock below finds out.
        if version is not None and version != budget.version:
            raise StaleVersion(sent=version, current=budget.version, budget_id=budget.pk)
        refuse_fixed_plan(budget)
        event = budget.event
    assert event is not None
    total = total_budget_amount
    if total is not None:
        total = parse_amount(total, event.currency, minimum=ZERO)
    categories = CategoriesInFile(create=create_categories)
    columns = plan_columns(event.currency, categories.resolve)
    data = file.read(MAX_BYTES + 1)
    sheet = read_sheet(io.BytesIO(data), filename=filename, columns=columns, decimal_mark=decimal_mark)
    if budget is not None and not dry_run:
        budget = lock_budget(budget.pk, version=version)
        refuse_fixed_plan(budget)

    report = ImportReport(currency=event.currency, budget=budget, sheet=sheet, total_budget_amount=ZERO)
    report.problems = [as_import_problem(problem, columns) for problem in sheet.problems]
    report.new_categories = categories.new_names
    prices = PricesInFile(budget, event.currency)
    _plan_lines(report, prices, on_existing)
    _check_sums(report, total)
    report.problems.sort(key=lambda problem: problem.row)
    if dry_run:
        return report
    if report.problems:
        raise ImportRefused(report)
    _store(report, event, categories, prices, acting_user, total, source_id=hashlib.sha256(data).hexdigest())
    return report


def _present_budget(budget_id: UUID | None, event: Event | None) -> EventBudget | None:
    budgets = EventBudget.objects.select_related("event").filter(deleted_at=None)
    wanted = budgets.filter(event=event) if budget_id is None else budgets.filter(pk=budget_id)
    budget: EventBudget | None = wanted.first()
    if budget is None and budget_id is not None:
        raise BudgetNotFound(budget_id)
    return budget


def _plan_lines(report: ImportReport, prices: PricesInFile, on_existing: OnExisting) -> None:
    """Turn the rows into lines, in the order of the file, and find out which of them are there already."""
    new_categories = set(report.new_categories)
    _pass_over_quantities_without_prices(report)
    with_sections = "section" in report.sheet.columns
    present, last = _present_lines(report.budget, with_sections=with_sections)
    seen: dict[tuple[str, ...], int] = {}
    for row in report.sheet.rows:
        key = _key(row.values, with_sections=with_sections)
        is_already_there = key in present
        price = None
        if not (is_already_there and on_existing != OnExisting.ADD):
            price = prices.price(row)
        if isinstance(price, ImportProblem):
            report.problems.append(price)
            continue
        line = _line(row, price, new_categories, sort_order=last + 10, is_already_there=is_already_there)
        if line.is_already_there and on_existing != OnExisting.ADD:
            report.skipped.append(line)
            if on_existing == OnExisting.REFUSE:
                report.problems.append(_already_there(line))
            continue
        if key in seen:
            report.warnings.append(
                f"Rows {seen[key]} and {line.row} name the same line, “{line.name}” under {line.category}. "
                "Both are imported."
            )
        elif line.is_already_there:
            report.warnings.append(
                f"Row {line.row}: “{line.name}” under {line.category} is in the budget already. It is added once more."
            )
        seen.setdefault(key, line.row)
        # As in the editor: what has no place of its own comes after all that went before.
        last = max(last, line.sort_order)
        report.lines.append(line)
    if report.skipped and on_existing == OnExisting.SKIP:
        report.warnings.append(f"{len(report.skipped)} row(s) are in the budget already and are left out.")
    report.new_drivers = prices.new_names
    if any(row.values["committed_amount"] for row in report.sheet.rows):
        report.warnings.append("What is promised is not imported: promises are made by what promises them.")
    if report.sheet.ignored_columns:
        report.warnings.append(f"Not imported: {', '.join(report.sheet.ignored_columns)}.")


def _present_lines(budget: EventBudget | None, *, with_sections: bool) -> tuple[set[tuple[str, ...]], int]:
    """Return what identifies each of the budget's lines, and the last place among them."""
    if budget is None:
        return set(), 0
    lines = BudgetLineItem.objects.filter(budget=budget, deleted_at=None)
    rows = lines.values("category__name", "name", "section", "kind")
    keys = {_key({**row, "category": row["category__name"]}, with_sections=with_sections) for row in rows}
    return keys, lines.aggregate(last=Max("sort_order"))["last"] or 0


def _key(values: dict[str, object], *, with_sections: bool) -> tuple[str, ...]:
    names = ("category", "name", "section") if with_sections else ("category", "name")
    kind = str(values["kind"] or LineKind.COST)
    return (kind, *(str(values[name] or "").strip().casefold() for name in names))


def _pass_over_quantities_without_prices(report: ImportReport) -> None:
    """Take quantities for remarks where the file has no unit prices at all: the amounts are what was planned."""
    columns = report.sheet.columns
    left_out = [name for name in ("quantity", "driver") if name in columns]
    if "unit_price" in columns or not left_out:
        return
    for row in report.sheet.rows:
        row.values.update(dict.fromkeys(left_out))
    report.sheet.ignored_columns.extend(left_out)


def _line(
    row: Row, price: LinePrice | None, new_categories: set[str], *, sort_order: int, is_already_there: bool
) -> ImportedLine:
    values = row.values
    given = values["sort_order"]
    return ImportedLine(
        row=row.number,
        kind=values["kind"] or LineKind.COST,
        category=values["category"],
        is_new_category=values["category"] in new_categories,
        section=values["section"] or "",
        name=values["name"],
        description=values["description"] or "",
        budgeted_amount=price.amount if price else values["budgeted_amount"] or ZERO,
        actual_amount=values["actual_amount"] or ZERO,
        notes=values["notes"] or "",
        sort_order=sort_order if given is None else given,
        is_already_there=is_already_there,
        price=price,
    )


def _already_there(line: ImportedLine) -> ImportProblem:
    return ImportProblem(
        row=line.row,
        field="name",
        column="name",
        code="already_there",
        message=f"“{line.name}” under {line.category} is in the budget already. "
        "Leave such rows out, or say that they are to be added once more.",
        value=line.name,
    )


def _check_sums(report: ImportReport, total: Decimal | None) -> None:
    """Check the lines against the budget's ceiling and against the largest sums that can be kept."""
    budget = report.budget
    lines_total = report.budgeted_amount + (budget.lines_total_amount if budget else ZERO)
    ceiling = total
    if ceiling is None and budget is not None and not budget.total_follows_lines:
        ceiling = budget.total_budget_amount
    report.total_budget_amount = ceiling or lines_total
    if ceiling and lines_total > ceiling:
        error = LinesExceedTotal(lines_total=lines_total, total=ceiling, currency=report.currency)
        report.problems.append(ImportProblem(0, "total_budget_amount", "", error.code, str(error)))
    if lines_total > MAX_AMOUNT:
        report.problems.append(_out_of_range(0, "file"))
        return
    projected = report.projected_income_amount + (budget.projected_income_amount if budget else ZERO)
    if projected > MAX_AMOUNT:
        report.problems.append(_out_of_range(0, "file"))
        return
    spent = budget.total_actual_amount if budget else ZERO
    received = budget.total_income_amount if budget else ZERO
    for line in report.lines:
        if not line.actual_amount:
            continue
        if line.is_income:
            received += line.actual_amount
        else:
            spent += line.actual_amount
        sums = (spent, received, report.total_budget_amount - spent, line.budgeted_amount - line.actual_amount)
        if any(abs(amount) > MAX_AMOUNT for amount in sums):
            report.problems.append(_out_of_range(line.row, "actual_amount"))
            return


def _out_of_range(row: int, field: str) -> ImportProblem:
    return ImportProblem(row, field, field if row else "", TotalOutOfRange.code, str(TotalOutOfRange()))


def _store(
    report: ImportReport,
    event: Event,
    categories: CategoriesInFile,
    prices: PricesInFile,
    acting_user: User,
    total: Decimal | None,
    *,
    source_id: str,
) -> None:
    """Store the report's lines as one change of the plan, then post their actuals.

    The actuals come last: posted against a total that does not count their lines yet, they would raise alerts that are
    not true a moment later.
    """
    budget = report.budget
    categories.make_new(acting_user)

    def fields() -> list[dict[str, Any]]:
        return [
            _fields(line)
            | (prices.fields(line.price) if line.price else {})
            | {"category": categories.find(line.category)}
            for line in report.lines
        ]

    if budget is None:
        budget = create_event_budget(event=event, acting_user=acting_user, total_budget_amount=total)
        prices.make_new(budget)
        # The lines are part of the first version, not a change of it.
        lines = insert_lines(budget, fields(), version=budget.version)
        recalculate_budget(budget.pk, plan_changed=False)
    else:
        with recalculation_paused():
            if total is not None:
                update_event_budget(
                    budget_id=budget.pk,
                    version=budget.version,
                    acting_user=acting_user,
                    total_budget_amount=total,
                )
            if report.lines:
                prices.make_new(budget)
            lines = insert_lines(budget, fields(), version=budget.version + 1)
            if lines:
                recalculate_budget(budget.pk)
    _post_actuals(zip(lines, report.lines, strict=True), source_id=source_id)
    report.budget = EventBudget.objects.select_related("event").get(pk=budget.pk)
    report.total_budget_amount = report.budget.total_budget_amount


def _fields(line: ImportedLine) -> dict[str, object]:
    names = ("kind", "section", "name", "description", "budgeted_amount", "notes", "sort_order")
    return {name: getattr(line, name) for name in names}


def _post_actuals(lines: Iterable[tuple[BudgetLineItem, ImportedLine]], *, source_id: str) -> None:
    now = timezone.now()
    for stored, line in lines:
        if line.actual_amount:
            ledger.post(
                budget_id=stored.budget_id,
                line_item_id=stored.pk,
                kind=EntryKind.INCOME if line.is_income else EntryKind.ACTUAL,
                actual_delta=line.actual_amount,
                currency=stored.currency,
                source=EntrySource.IMPORT,
                source_id=source_id,
                description=f"Actual of “{line.name}”, row {line.row} of the imported file"[:500],
                occurred_at=now,
            )
