from collections.abc import Iterable
from typing import Any, ClassVar, Self

from budgetsite.tenancy.models import TenantModel


class ProjectedModel(TenantModel):
    """A row some of whose columns are projections: written by named SQL alone, never by `save()`.

    A save writes what its caller has changed and nothing else, so that a row read a moment ago never puts yesterday's
    values back. `tracked` names what people change (by column); the receivers lock and read the stored row first.
    """

    projections: ClassVar[tuple[str, ...]] = ()
    tracked: ClassVar[tuple[str, ...]] = ()
    # Written together with any change, to the values that the receivers give them under the locks.
    numbered_by: ClassVar[tuple[str, ...]] = ()

    # The tracked values as they were read, None for a row that is not stored yet.
    _read: dict[str, Any] | None = None
    # What `update_fields` of the save under way allows; None allows everything.
    _requested: frozenset[str] | None = None

    class Meta(TenantModel.Meta):
        abstract = True

    @classmethod
    def from_db(cls, db: str | None, field_names: Any, values: Any, **options: Any) -> Self:
        row = super().from_db(db, field_names, values, **options)
        row.remember(cls.tracked)
        return row

    def refresh_from_db(
        self, using: Any = None, fields: Iterable[str] | None = None, from_queryset: Any = None
    ) -> None:
        super().refresh_from_db(using=using, fields=fields, from_queryset=from_queryset)
        names = None if fields is None else set(fields)
        # A foreign key may be named with or without its `_id`.
        self.remember(n for n in self.tracked if names is None or n in names or n.removesuffix("_id") in names)

    def save(self, *, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        if self._state.adding:
            super().save(**kwargs)
            return
        self._requested = None if update_fields is None else frozenset(update_fields)
        touched = self.touched()
        if not touched:
            return
        written = {name.removesuffix("_id") for name in touched - set(self.projections)}
        # What is posted to the ledger is no change of the plan, and no line of its history.
        if not written:
            self.skip_history_when_saving = True
        try:
            super().save(update_fields=[*written, *self.numbered_by], **kwargs)
        finally:
            self.__dict__.pop("skip_history_when_saving", None)
            self._requested = None

    def remember(self, names: Iterable[str]) -> None:
        """Take the present values of `names` for the stored ones."""
        present = {name: self.__dict__[name] for name in names if name in self.__dict__}
        self._read = {**(self._read or {}), **present}

    def as_read(self, name: str) -> Any:
        """Return a tracked column's value as it was read, None for a row that is not stored."""
        return None if self._read is None else self._read.get(name)

    def touched(self) -> set[str]:
        """Return the tracked columns that were set to something else since they were read, and may be saved."""
        return {name for name in self._set_otherwise() if self._may_save(name)}

    def adopt(self, stored: Self) -> dict[str, Any]:
        """Take the stored value of every tracked column that this save leaves alone; return what they had been set to.

        What the save writes, and what its history says, is then the stored row with the caller's changes.
        """
        kept_aside = {name: getattr(self, name) for name in self._set_otherwise() if not self._may_save(name)}
        for name in set(self.tracked) - self.touched():
            setattr(self, name, getattr(stored, name))
        return kept_aside

    def saved(self, kept_aside: dict[str, Any]) -> None:
        """Note that the save is done, and give back what it was asked to leave alone."""
        self.remember(self.tracked)
        for name, value in kept_aside.items():
            setattr(self, name, value)

    def _set_otherwise(self) -> set[str]:
        read = self._read or {}
        # A value that was never read and is there all the same was set.
        return {
            name
            for name in self.tracked
            if name in self.__dict__ and (name not in read or self.__dict__[name] != read[name])
        }

    def _may_save(self, name: str) -> bool:
        return self._requested is None or name in self._requested or name.removesuffix("_id") in self._requested
