"""A service's refusal on its way to the form field that it is about."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.forms import BaseForm


@dataclass
class ChangeRefused(Exception):
    """Nothing was stored. `prefix` names the form of an inline, empty for the main one; `errors` are by field."""

    errors: dict[str, list[str]]
    prefix: str = ""

    def add_to(self, form: BaseForm) -> None:
        for name, sentences in self.errors.items():
            for sentence in sentences:
                if name in form.fields:
                    form.add_error(name, sentence)
                else:
                    form.add_error(None, sentence)


def refused(problem: Exception, *, field: str | None = None, prefix: str = "") -> ChangeRefused:
    """Return the refusal that a service's exception stands for: a ValidationError by its fields, others at `field`."""
    if isinstance(problem, ValidationError):
        if hasattr(problem, "error_dict"):
            return ChangeRefused(dict(problem.message_dict), prefix)
        return ChangeRefused({field or NON_FIELD_ERRORS: problem.messages}, prefix)
    return ChangeRefused({field or NON_FIELD_ERRORS: [str(problem)]}, prefix)


def sentence(problem: Exception) -> str:
    """Return what a person is told about a refusal."""
    return " ".join(problem.messages) if isinstance(problem, ValidationError) else str(problem)


def listening_form(form: type[BaseForm], refusal: ChangeRefused | None) -> type[BaseForm]:
    """Return a form class that carries a refusal as its own error, beside what was typed."""
    if refusal is None:
        return form

    told = refusal

    class RefusedForm(form):  # type: ignore[valid-type,misc]
        def _clean_form(self) -> Any:
            super()._clean_form()
            if (self.prefix or "") == told.prefix:
                told.add_to(self)

    return RefusedForm
