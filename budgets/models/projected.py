from typing import Any, ClassVar

from budgetsite.tenancy.models import TenantModel


class ProjectedModel(TenantModel):
    """A row some of whose columns are projections: written by named SQL alone, never by `save()`.

    A row that was read a moment ago would otherwise write yesterday's totals back over a posting made since.
    """

    projections: ClassVar[tuple[str, ...]] = ()

    class Meta(TenantModel.Meta):
        abstract = True

    def save(self, **kwargs: Any) -> None:
        if not self._state.adding:
            wanted = kwargs.pop("update_fields", None)
            kwargs["update_fields"] = [
                field.name
                for field in self._meta.concrete_fields
                if not field.primary_key
                and field.name not in (*self.projections, "tenant", "created_at", "updated_at", "deleted_at")
                and (wanted is None or field.name in wanted)
            ]
        super().save(**kwargs)
