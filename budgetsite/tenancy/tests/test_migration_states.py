"""Between two operations only those classes are made anew that the first has changed, and none is out of date."""

import pytest
from django.db import models
from django.db.migrations.state import ModelState, ProjectState

from budgetsite.tenancy.migration_states import keeping_classes


@pytest.fixture
def state():
    """A hall in a town, as rendered classes."""
    state = ProjectState()
    number = ("id", models.BigAutoField(primary_key=True, serialize=False))
    state.add_model(ModelState("places", "Town", [number]))
    town = ("town", models.ForeignKey("places.Town", models.CASCADE))
    state.add_model(ModelState("places", "Hall", [number, town, ("seats", models.IntegerField())]))
    assert state.apps.get_model("places", "hall")
    with keeping_classes():
        yield state


def classes(state):
    return state.apps.get_model("places", "town"), state.apps.get_model("places", "hall")


def test_an_index_or_a_constraint_leaves_every_class_and_shows_in_its_own(state):
    before = classes(state)
    state.add_index("places", "hall", models.Index(fields=["seats"], name="seats"))
    state.add_constraint("places", "hall", models.CheckConstraint(condition=models.Q(seats__gt=0), name="some"))
    state.add_constraint("places", "hall", models.CheckConstraint(condition=models.Q(seats__lt=9), name="few"))
    state.remove_constraint("places", "hall", "some")
    town, hall = classes(state)
    assert (town, hall) == before
    assert [index.name for index in hall._meta.indexes] == ["seats"]
    assert [constraint.name for constraint in hall._meta.constraints] == ["few"]


def test_whatever_else_changes_makes_the_classes_anew(state):
    for change in (
        lambda: state.add_field("places", "hall", "stage", models.BooleanField(default=True), True),
        lambda: state.alter_field("places", "hall", "seats", models.BigIntegerField(), True),
        lambda: state.alter_model_options("places", "hall", {"verbose_name": "great hall"}, ["verbose_name"]),
        lambda: state.alter_model_managers("places", "hall", [("some", models.Manager())]),
    ):
        town, hall = classes(state)
        change()
        assert town is not classes(state)[0]
        assert hall is not classes(state)[1]
    _, hall = classes(state)
    assert [field.name for field in hall._meta.fields] == ["id", "town", "seats", "stage"]
    assert isinstance(hall._meta.get_field("seats"), models.BigIntegerField)
    assert (hall._meta.verbose_name, hall._meta.managers[0].name) == ("great hall", "some")


def test_a_field_and_an_index_of_one_migration_are_both_there(state):
    """The class that the field made has the index that came before, and the other way round."""
    state.add_index("places", "hall", models.Index(fields=["seats"], name="seats"))
    state.add_field("places", "hall", "stage", models.BooleanField(default=True), True)
    state.add_index("places", "hall", models.Index(fields=["stage"], name="stage"))
    _, hall = classes(state)
    assert [index.name for index in hall._meta.indexes] == ["seats", "stage"]


def test_afterwards_django_does_as_it_did(state):
    with keeping_classes():
        pass
    reload_model = ProjectState.reload_model
    with pytest.raises(ZeroDivisionError), keeping_classes():
        raise ZeroDivisionError
    assert ProjectState.reload_model is reload_model
