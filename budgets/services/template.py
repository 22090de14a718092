"""Templates of plans: making, changing, deleting and restoring them.

A line's `value` is an amount in the template's currency, a percentage of the total, or an amount per guest. The shares
of a template's lines of cost add up to 100 at most: whatever total it is applied to, the lines fit within it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from budgets.models import BudgetTemplate, LineKind, TemplateBasis, TemplateLine
from budgets.services.categories import CategoryFinder, hold_categories
from budgets.services.problems import BudgetProblem
from budgetsite.accounts.models import User
from budgetsite.money.allocation import share_in_words
from budgetsite.money.amounts import InvalidAmount, parse_amount
from budgetsite.money.currencies import is_currency
from budgetsite.tenancy.deletion import restore, soft_delete
from budgetsite.tenancy.scope import deleted_rows_visible

ZERO = Decimal(0)
WHOLE = Decimal(100)
SHARE_UNIT = Decimal("0.001")
# As many as a request may bring.
MAX_LINES = 1000
LINE_FIELDS = frozenset({"id", "kind", "category", "section", "name", "description", "basis", "value"})
_SHARE_MESSAGES = {
    "invalid": "Write the share in percent, such as 12.5.",
    "not_finite": "A share must be a number, such as 12.5.",
    "too_many_decimals": "A share has three decimals at most.",
    "out_of_range": "A share is between 0 and 100 percent of the total.",
}


class TemplateNotFound(BudgetProblem):
    code = "template_not_found"

    def __init__(self, template_id: UUID) -> None:
        self.template_id = template_id
        super().__init__("There is no such template.")


class TemplateExists(BudgetProblem):
    code = "template_exists"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"There is a template “{name}” already. Give this one another name, or change that one.")


class TemplateChanged(BudgetProblem):
    """Someone else saved the template since it was read."""

    code = "template_changed"

    def __init__(self) -> None:
        super().__init__("Someone else changed this template since you opened it. Nothing of yours was saved.")


class SharesExceedWhole(BudgetProblem):
    code = "shares_exceed_whole"

    def __init__(self, shares: Decimal) -> None:
        self.shares, self.excess = shares, shares - WHOLE
        super().__init__(
            f"The shares add up to {share_in_words(shares)}, {share_in_words(self.excess)} more than the whole. "
            f"Lower some of them by {share_in_words(self.excess)} together."
        )


class CurrencyNeeded(BudgetProblem):
    code = "currency_needed"

    def __init__(self, line: str) -> None:
        self.line = line
        super().__init__(f"“{line}” is an amount of money: say which currency the template's amounts are in.")


class TooManyTemplateLines(BudgetProblem):
    code = "too_many_lines"

    def __init__(self, lines: int) -> None:
        self.lines = lines
        super().__init__(f"A template has {MAX_LINES} lines at most; this one would have {lines}.")


class TemplateLineRefused(BudgetProblem):
    """One line stands in the way; `position` counts from 0, `field` is the one it is about."""

    def __init__(self, position: int, field_name: str, code: str, message: str) -> None:
        self.position, self.field, self.code = position, field_name, code
        super().__init__(message)


@dataclass(slots=True)
class _Wanted:
    """What a template's lines are to be: those that it has and keeps, by id, and the new ones."""

    kept: dict[UUID, TemplateLine] = field(default_factory=dict)
    added: list[TemplateLine] = field(default_factory=list)

    @property
    def lines(self) -> list[TemplateLine]:
        return [*self.kept.values(), *self.added]


@transaction.atomic
def create_template(
    *,
    acting_user: User | None,
    name: str,
    description: str = "",
    currency: str = "",
    lines: Sequence[dict[str, Any]] = (),
) -> BudgetTemplate:
    """Make a template with its lines, in their order.

    `lines` are dicts of `LINE_FIELDS`; `category` is a Category, its name or its id. Raises `TemplateExists`,
    `SharesExceedWhole`, `CurrencyNeeded`, `TemplateLineRefused`, `UnknownCategory`, `TooManyTemplateLines`.
    """
    template = BudgetTemplate(
        name=name.strip(), description=description, currency=_currency(currency), created_by=acting_user
    )
    wanted = _wanted(template, lines, stored={})
    _refuse_unsound(template, wanted.lines)
    _save_head(template, force_insert=True)
    _write_lines(wanted)
    return template


@transaction.atomic
def update_template(
    *,
    template_id: UUID,
    acting_user: User,
    now: datetime,
    name: str | None = None,
    description: str | None = None,
    currency: str | None = None,
    lines: Sequence[dict[str, Any]] | None = None,
    read_at: datetime | None = None,
) -> BudgetTemplate:
    """Change a template; what is None stays. `lines` are all that it is to have, in their order.

    A line with the `id` of one that the template has changes that one; those left out are deleted. `read_at` is the
    template's `updated_at` as the writer read it. Raises as `create_template`, and `TemplateNotFound`,
    `TemplateChanged` when it was saved since `read_at`.
    """
    template = _locked(template_id)
    if read_at is not None and read_at != template.updated_at:
        raise TemplateChanged
    if name is not None:
        template.name = name.strip()
    if description is not None:
        template.description = description
    if currency is not None:
        template.currency = _currency(currency)
    stored = {line.pk: line for line in _lines_of(template)}
    if lines is not None:
        wanted = _wanted(template, lines, stored=stored)
    else:
        wanted = _Wanted(kept=stored)
        # The currency may be another one than these amounts were written in.
        for position, line in enumerate(wanted.lines):
            _check_line(position, line, template.currency)
    _refuse_unsound(template, wanted.lines)
    # Also where only lines change: its `updated_at` says when somebody last saved it.
    _save_head(template)
    if lines is not None:
        _write_lines(wanted, left_out=stored.keys() - wanted.kept.keys(), now=now)
    template.refresh_from_db()
    return template


@transaction.atomic
def delete_template(*, template_id: UUID, acting_user: User, now: datetime) -> None:
    """Soft-delete a template with its lines; budgets made from it stay as they are. Raises `TemplateNotFound`."""
    soft_delete(_locked(template_id), now=now)


@transaction.atomic
def restore_template(*, template: BudgetTemplate, acting_user: User) -> None:
    """Bring a deleted template back with its lines. Raises `TemplateExists` when another has its name now."""
    try:
        with transaction.atomic():
            restore(template)
    except IntegrityError as error:
        raise _name_taken(error, template) from error


def shares_of(lines: Sequence[TemplateLine]) -> Decimal:
    """Return what the shares of the lines of cost add up to, in percent."""
    shares = (line.value for line in lines if line.basis == TemplateBasis.SHARE and line.kind == LineKind.COST)
    return sum(shares, ZERO)


def line_of_money(lines: Sequence[TemplateLine]) -> TemplateLine | None:
    """Return the first line that says an amount of money, or None: 0 is the same in every currency."""
    return next((line for line in lines if line.basis != TemplateBasis.SHARE and line.value), None)


def parse_share(value: object) -> Decimal:
    """Return a share of 0 to 100 with up to three decimals. Raises `InvalidAmount`."""
    plain = value.strip().removesuffix("%") if isinstance(value, str) else value
    try:
        share = parse_amount(plain, None)
    except InvalidAmount as error:
        raise InvalidAmount(error.code, _SHARE_MESSAGES.get(error.code, error.message)) from error
    if not ZERO <= share <= WHOLE:
        raise InvalidAmount("out_of_range", _SHARE_MESSAGES["out_of_range"])
    return share


def _locked(template_id: UUID) -> BudgetTemplate:
    template: BudgetTemplate | None = (
        BudgetTemplate.objects.filter(pk=template_id, deleted_at=None).select_for_update(no_key=True).first()
    )
    if template is None:
        raise TemplateNotFound(template_id)
    return template


def _lines_of(template: BudgetTemplate) -> list[TemplateLine]:
    lines = TemplateLine.objects.filter(template=template, deleted_at=None).select_related("category")
    return list(lines.order_by("sort_order", "id"))


def _currency(code: str) -> str:
    code = code.strip().upper()
    if code and not is_currency(code):
        raise ValidationError(
            {"currency": ValidationError(f"“{code}” is not a currency that is known here.", code="unknown_currency")}
        )
    return code


def _wanted(template: BudgetTemplate, lines: Sequence[dict[str, Any]], stored: dict[UUID, TemplateLine]) -> _Wanted:
    if len(lines) > MAX_LINES:
        raise TooManyTemplateLines(len(lines))
    finder = CategoryFinder.load()
    wanted = _Wanted()
    for position, fields in enumerate(lines):
        unknown = fields.keys() - LINE_FIELDS
        if unknown:
            raise TypeError(f"not fields of a template's line: {', '.join(sorted(unknown))}")
        values = dict(fields)
        line = _line_to_change(position, values.pop("id", None), template, stored, wanted)
        category = values.pop("category", None)
        if category is not None:
            line.category = finder.find(getattr(category, "pk", category))
        for name, value in values.items():
            setattr(line, name, value)
        line.sort_order = (position + 1) * 10
        _check_line(position, line, template.currency)
    return wanted


def _line_to_change(
    position: int, line_id: UUID | None, template: BudgetTemplate, stored: dict[UUID, TemplateLine], wanted: _Wanted
) -> TemplateLine:
    if line_id is None:
        line = TemplateLine(template=template)
        wanted.added.append(line)
        return line
    if line_id not in stored or line_id in wanted.kept:
        raise TemplateLineRefused(
            position, "id", "line_not_found", "This template has no such line (any more). Leave its id out to add it."
        )
    wanted.kept[line_id] = stored[line_id]
    return stored[line_id]


def _check_line(position: int, line: TemplateLine, currency: str) -> None:
    if line.category_id is None:
        raise TemplateLineRefused(position, "category", "required", "Choose a category.")
    try:
        if line.basis == TemplateBasis.SHARE:
            line.value = parse_share(line.value)
        else:
            line.value = parse_amount(line.value, currency or None, minimum=ZERO)
    except InvalidAmount as problem:
        raise TemplateLineRefused(position, "value", problem.code, problem.message) from problem
    try:
        line.clean_fields(exclude=["tenant", "template", "category"])
    except ValidationError as problem:
        name, errors = next(iter(problem.error_dict.items()))
        raise TemplateLineRefused(position, name, errors[0].code or "invalid", errors[0].messages[0]) from problem


def _refuse_unsound(template: BudgetTemplate, lines: Sequence[TemplateLine]) -> None:
    shares = shares_of(lines)
    if shares > WHOLE:
        raise SharesExceedWhole(shares)
    money = line_of_money(lines)
    if money is not None and not template.currency:
        raise CurrencyNeeded(money.name)


def _save_head(template: BudgetTemplate, **options: Any) -> None:
    template.clean_fields(exclude=["tenant", "created_by"])
    try:
        with transaction.atomic():
            template.save(**options)
    except IntegrityError as error:
        raise _name_taken(error, template) from error


def _name_taken(error: IntegrityError, template: BudgetTemplate) -> Exception:
    return TemplateExists(template.name) if "budgets_template_one_per_name" in str(error) else error


def _write_lines(wanted: _Wanted, *, left_out: set[UUID] | None = None, now: datetime | None = None) -> None:
    """Write the lines in a constant number of statements."""
    hold_categories({line.category_id for line in wanted.lines})
    TemplateLine.objects.bulk_create(wanted.added, batch_size=500)
    if wanted.kept:
        TemplateLine.objects.bulk_update(
            wanted.kept.values(),
            ["kind", "category", "section", "name", "description", "basis", "value", "sort_order"],
            batch_size=500,
        )
    if left_out:
        with deleted_rows_visible():
            TemplateLine.objects.filter(pk__in=left_out).update(deleted_at=now)
