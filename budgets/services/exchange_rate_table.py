"""The account's table of exchange rates: kept by hand, or filled from a file, all rows or none.

What is recorded keeps the rate that it was recorded with: a change here is for what comes after it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, BinaryIO
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import TextChoices

from budgets.models import ExchangeRate
from budgets.models.exchange_rate import LARGEST_RATE, RATE_DECIMALS, SMALLEST_RATE
from budgets.services.exchange_rate import checked_rate
from budgets.services.problems import BudgetProblem
from budgets.services.texts import one_line
from budgetsite.accounts.models import Account, User
from budgetsite.money.currencies import UnknownCurrency, is_currency
from budgetsite.money.typed_amounts import DecimalMark
from budgetsite.sheets.columns import Choice, Column, Date, InvalidCell, Number, Problem, Row, Sheet, Text
from budgetsite.sheets.reading import read_sheet
from budgetsite.tenancy.deletion import soft_delete
from budgetsite.tenancy.history import acting_user_reference, record_history
from budgetsite.tenancy.scope import require_tenant_id

RATE_FIELDS = frozenset({"base_currency", "quote_currency", "on_date", "rate", "source"})
LONGEST_SOURCE = 200
BY_HAND = "entered by hand"

RateKey = tuple[str, str, date]


class RateNotFound(BudgetProblem):
    code = "not_found"

    def __init__(self, rate_id: UUID) -> None:
        self.rate_id = rate_id
        super().__init__("There is no such exchange rate. It may have been deleted a moment ago.")


class RateExists(BudgetProblem):
    code = "rate_exists"

    def __init__(self, rate: ExchangeRate) -> None:
        self.rate_id = str(rate.pk)
        super().__init__(
            f"{rate.base_currency} in {rate.quote_currency} has a rate of {rate.on_date:%Y-%m-%d} already: "
            f"{rate.rate.normalize():f}. Change that one."
        )


class OnExistingRate(TextChoices):
    """What happens to a row whose currencies have a rate of that day already. One that says the same is left out."""

    REFUSE = "refuse", "Refuse the file"
    SKIP = "skip", "Keep the rate that is there"
    REPLACE = "replace", "Replace it"


@dataclass(frozen=True, slots=True)
class ImportedRate:
    """A row as it is, or would be, stored; `replaces` is the rate that was there."""

    row: int
    base_currency: str
    quote_currency: str
    on_date: date
    rate: Decimal
    source: str
    replaces: Decimal | None = None

    @property
    def key(self) -> RateKey:
        return self.base_currency, self.quote_currency, self.on_date


@dataclass(slots=True)
class RateImportReport:
    """What an import has done, or would do; `skipped` says the same as the table, or is left out as was wanted."""

    sheet: Sheet
    rates: list[ImportedRate] = field(default_factory=list)
    skipped: list[ImportedRate] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class RateImportRefused(BudgetProblem):
    """The file has problems; nothing was stored. `report` lists them all."""

    code = "import_refused"

    def __init__(self, report: RateImportReport) -> None:
        self.report = report
        count = len(report.problems)
        super().__init__(
            f"The file has {count} problem{'' if count == 1 else 's'}. Nothing was imported: "
            "mend the file and try again."
        )


@transaction.atomic
def create_rate(*, acting_user: User, **fields: Any) -> ExchangeRate:
    """Add a rate of `RATE_FIELDS`. Raises `ValidationError` by field, `RateOutOfRange`, `RateExists`."""
    _hold_table()
    return _save(ExchangeRate(source=BY_HAND), fields)


@transaction.atomic
def update_rate(*, rate_id: UUID, acting_user: User, **fields: Any) -> ExchangeRate:
    """Raises as `create_rate`, and `RateNotFound`."""
    _hold_table()
    return _save(_find(rate_id), fields)


@transaction.atomic
def delete_rate(*, rate_id: UUID, acting_user: User, now: datetime) -> None:
    """Take a rate out of the table; what was recorded with it keeps it. Raises `RateNotFound`."""
    _hold_table()
    soft_delete(_find(rate_id), now=now)


@transaction.atomic
def import_rates(
    *,
    file: BinaryIO,
    filename: str,
    acting_user: User,
    dry_run: bool = False,
    on_existing: OnExistingRate = OnExistingRate.REFUSE,
    decimal_mark: DecimalMark | None = None,
) -> RateImportReport:
    """Add the rows of a CSV or XLSX file to the table, all or none. A dry run stores nothing and reports every problem.

    Raises `RateImportRefused` with every problem of every row (a dry run reports them), `UnreadableSheet`.
    """
    columns = rate_columns()
    sheet = read_sheet(file, filename=filename, columns=columns, decimal_mark=decimal_mark)
    if not dry_run:
        _hold_table()
    report = RateImportReport(sheet, problems=list(sheet.problems))
    present = _present_rates(sheet.rows)
    _sort_rows(report, present, on_existing, source=_as_source(filename))
    report.problems.sort(key=lambda problem: problem.row)
    if dry_run:
        return report
    if report.problems:
        raise RateImportRefused(report)
    _store(report.rates, present)
    return report


def rate_columns() -> list[Column]:
    return [
        Column("base_currency", Choice(_currency), aliases=("currency", "from", "base")),
        Column("quote_currency", Choice(_currency), aliases=("to", "in", "quote")),
        Column("on_date", Date(), aliases=("date", "day", "valid from")),
        Column("rate", Number(RATE_DECIMALS, SMALLEST_RATE, LARGEST_RATE), aliases=("exchange rate",)),
        Column("source", Text(LONGEST_SOURCE), required=False),
    ]


def _currency(written: str) -> str:
    code = written.strip().upper()
    if not is_currency(code):
        raise InvalidCell("unknown_currency", str(UnknownCurrency(written)))
    return code


def _as_source(filename: str) -> str:
    return one_line(filename).strip()[:LONGEST_SOURCE] or "a file"


def _hold_table() -> None:
    """Let nobody else change the table before this transaction ends: which days have a rate is decided once."""
    Account.objects.select_for_update(no_key=True).get(pk=require_tenant_id())


def _find(rate_id: UUID) -> ExchangeRate:
    rate: ExchangeRate | None = ExchangeRate.objects.filter(pk=rate_id, deleted_at=None).first()
    if rate is None:
        raise RateNotFound(rate_id)
    return rate


def _save(rate: ExchangeRate, fields: dict[str, Any]) -> ExchangeRate:
    unknown = fields.keys() - RATE_FIELDS
    if unknown:
        raise TypeError(f"not fields of an exchange rate: {', '.join(sorted(unknown))}")
    for name, value in fields.items():
        setattr(rate, name, value)
    rate.source = one_line(rate.source).strip() or BY_HAND
    errors = dict(_wrong_currencies(rate))
    if errors:
        raise ValidationError(errors)
    rate.rate = checked_rate(rate.rate)
    rate.clean_fields(exclude=["tenant"])
    other: ExchangeRate | None = (
        ExchangeRate.objects.filter(
            base_currency=rate.base_currency,
            quote_currency=rate.quote_currency,
            on_date=rate.on_date,
            deleted_at=None,
        )
        .exclude(pk=rate.pk)
        .first()
    )
    if other is not None:
        raise RateExists(other)
    rate.save()
    return rate


def _wrong_currencies(rate: ExchangeRate) -> Iterator[tuple[str, ValidationError]]:
    for name in ("base_currency", "quote_currency"):
        code = getattr(rate, name)
        if not is_currency(code):
            yield name, ValidationError(str(UnknownCurrency(code)), code="unknown_currency")
            return
    if rate.base_currency == rate.quote_currency:
        yield (
            "quote_currency",
            ValidationError("A rate is between two currencies.", code="same_currency"),
        )


def _present_rates(rows: list[Row]) -> dict[RateKey, ExchangeRate]:
    """Return the table's rates of the days and currencies that the rows are about."""
    found = ExchangeRate.objects.filter(
        base_currency__in={row.values["base_currency"] for row in rows},
        on_date__in={row.values["on_date"] for row in rows},
        deleted_at=None,
    )
    return {(rate.base_currency, rate.quote_currency, rate.on_date): rate for rate in found}


def _sort_rows(
    report: RateImportReport, present: dict[RateKey, ExchangeRate], on_existing: OnExistingRate, *, source: str
) -> None:
    """Find out which rows are new, which are there already, and which contradict the table or each other."""
    seen: dict[RateKey, int] = {}
    for row in report.sheet.rows:
        rate = _imported(row, source)
        if rate.base_currency == rate.quote_currency:
            report.problems.append(
                Problem(row.number, "quote_currency", "same_currency", "A rate is between two currencies.")
            )
            continue
        if rate.key in seen:
            report.problems.append(
                Problem(row.number, "on_date", "repeated", f"Row {seen[rate.key]} has these currencies and this day.")
            )
            continue
        seen[rate.key] = row.number
        there = present.get(rate.key)
        if there is None or (on_existing == OnExistingRate.REPLACE and there.rate != rate.rate):
            report.rates.append(_imported(row, source, replaces=there.rate if there else None))
        elif there.rate == rate.rate or on_existing == OnExistingRate.SKIP:
            report.skipped.append(rate)
        else:
            report.problems.append(Problem(row.number, "rate", RateExists.code, str(RateExists(there))))


def _imported(row: Row, source: str, *, replaces: Decimal | None = None) -> ImportedRate:
    values = row.values
    return ImportedRate(
        row=row.number,
        base_currency=values["base_currency"],
        quote_currency=values["quote_currency"],
        on_date=values["on_date"],
        rate=values["rate"],
        source=values["source"] or source,
        replaces=replaces,
    )


def _store(rates: list[ImportedRate], present: dict[RateKey, ExchangeRate]) -> None:
    new: list[ExchangeRate] = []
    replaced: list[ExchangeRate] = []
    for imported in rates:
        rate = present.get(imported.key)
        if rate is None:
            base, quote, day = imported.key
            rate = ExchangeRate(base_currency=base, quote_currency=quote, on_date=day)
            new.append(rate)
        else:
            replaced.append(rate)
        rate.rate, rate.source = imported.rate, imported.source
    ExchangeRate.objects.bulk_create(new, batch_size=1000)
    ExchangeRate.history.bulk_history_create(
        new, batch_size=500, default_user=acting_user_reference(), default_change_reason="imported"
    )
    if replaced:
        ExchangeRate.objects.bulk_update(replaced, ["rate", "source"], batch_size=500)
        record_history(ExchangeRate.objects.filter(pk__in=[rate.pk for rate in replaced]), reason="imported")
