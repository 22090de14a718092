"""A text column that the database holds encrypted. Migrations see Django's own field, and so the ciphertext."""

from types import GenericAlias
from typing import TYPE_CHECKING, Any, TypeVar

from django.core import checks
from django.core.exceptions import FieldError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Case, Value
from django.db.models.functions import Cast
from django.db.models.lookups import Exact, IsNull
from django.views.decorators.debug import sensitive_variables

from budgetsite.encryption.ciphertext import Place, decrypt, encrypt
from budgetsite.tenancy.models import TenantRow
from budgetsite.tenancy.scope import require_tenant_id

# The type checker knows Django's fields as generic in what is set and what is read; Django itself does not.
_ST = TypeVar("_ST", contravariant=True)
_GT = TypeVar("_GT", covariant=True)

if TYPE_CHECKING:

    class _TextField(models.TextField[_ST, _GT]): ...

else:

    class _TextField(models.TextField):
        __class_getitem__ = classmethod(GenericAlias)


class EncryptedTextField(_TextField[_ST, _GT]):
    """Text in Python, AES-256-GCM in the database (`budgetsite.encryption.ciphertext`); '' stays ''.

    A value is bound to its table, its column and, in a tenant's table, to the tenant: it is read and written inside
    the tenant's scope alone (`NoTenant`), and raises `CannotDecrypt` elsewhere. History rows are bound to the table
    whose history they are, so that SQL may copy a row into it. A migration that renames the table or the column has
    to keep `db_table` or `db_column`.

    It can be asked for '' and NULL, and for nothing else; write it by `save`, `bulk_create`, `bulk_update` or
    `update(field="text")`. `dumpdata` writes the ciphertext and `loaddata` reads it again, as JSON or YAML.
    """

    description = "Encrypted text"

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        return [*super().check(**kwargs), *self._check_nothing_compares()]

    def _check_nothing_compares(self) -> list[checks.CheckMessage]:
        compared = [name for name in ("primary_key", "unique", "db_index") if getattr(self, name)]
        if not compared:
            return []
        message = f"An encrypted column is another one each time: {', '.join(compared)} cannot work on it."
        return [checks.Error(message, obj=self, id="encryption.E001")]

    def place(self, tenant_id: Any = None) -> Place:
        """Return where the values of a tenant (by default the scope's) belong."""
        original = getattr(self.model, "instance_type", self.model)
        if issubclass(original, TenantRow):
            tenant_id = tenant_id or require_tenant_id()
        return Place(original._meta.db_table, str(self.column), tenant_id)

    @sensitive_variables()
    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        if hasattr(value, "as_sql"):
            if _is_of_encrypted_values(value):
                return value
            raise FieldError(f"{self.name} is encrypted: what the database computes cannot be stored in it.")
        text = self.get_prep_value(value)
        return encrypt(text, self.place()) if text else text

    @sensitive_variables()
    def from_db_value(self, value: str | None, expression: Any, connection: BaseDatabaseWrapper) -> str | None:
        return decrypt(value, self.place()) if value else value

    def value_to_string(self, obj: models.Model) -> Any:
        """What a fixture holds. An object with one entry, so that nothing a person types is ever taken for it."""
        text: Any = self.value_from_object(obj)
        return {"encrypted": encrypt(text, self.place())} if text else text

    @sensitive_variables()
    def to_python(self, value: Any) -> Any:
        if isinstance(value, dict) and value.keys() == {"encrypted"}:
            return decrypt(value["encrypted"], self.place())
        return super().to_python(value)

    def get_lookup(self, lookup_name: str) -> Any:
        return {"exact": _IsEmpty, "isnull": IsNull}.get(lookup_name)

    def get_transform(self, lookup_name: str) -> Any:
        return None


def _is_of_encrypted_values(expression: Any) -> bool:
    """Whether this is what `bulk_update` makes of texts: a CASE of values, which the field encrypts one by one."""
    if isinstance(expression, Value):
        kept_by: Any = getattr(expression, "_output_field_or_none", None)
        return isinstance(kept_by, EncryptedTextField) or expression.value is None
    if isinstance(expression, Case):
        choices = [each.result for each in expression.cases]
        return all(_is_of_encrypted_values(each) for each in [*choices, expression.default])
    return isinstance(expression, Cast) and all(map(_is_of_encrypted_values, expression.get_source_expressions()))


class _IsEmpty(Exact):
    def get_prep_lookup(self) -> Any:
        if self.rhs != "":
            raise FieldError(f"{self.lhs.output_field.name} is encrypted: it can be asked for '' and NULL alone.")
        return super().get_prep_lookup()
