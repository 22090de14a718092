"""A text that the database holds as ciphertext: what is stored, who can read it, and what cannot be asked."""

import json

import pytest
from django.apps import apps
from django.core import serializers
from django.core.exceptions import FieldError
from django.db import connection, models, transaction
from django.db.models.functions import Lower
from django.test import override_settings
from django.test.utils import isolate_apps
from simple_history.models import HistoricalRecords

from budgetsite.encryption.ciphertext import NotEncrypted, Tampered, UnknownKey
from budgetsite.encryption.keys import UnusableKeys, parse_keys, write_keys
from budgetsite.encryption.model_fields import EncryptedTextField
from budgetsite.tenancy.models import TenantRow
from budgetsite.tenancy.scope import NoTenant, tenant_scope

OLD, NEW = (f"{name}:{letter * 43}=" for name, letter in (("old", "A"), ("new", "E")))
IBAN = "GB33 BUKB 2020 1555 5555 55 — Zoë’s bank 🏦"


@pytest.fixture(scope="module")
def secret_model(django_db_setup):
    class Secret(TenantRow):
        text = EncryptedTextField(blank=True)
        other = EncryptedTextField(null=True)
        history = HistoricalRecords(app="encryption", user_model="accounts.User")

        class Meta:
            app_label = "encryption"
            db_table = "encryption_secret"

        def __str__(self):
            return str(self.pk)

    yield Secret

    # The other tests' site has no such table.
    apps.all_models["encryption"].clear()
    apps.clear_cache()


@pytest.fixture
def secrets(secret_model, account):
    with connection.cursor() as cursor:
        for model in (secret_model, secret_model.history.model):
            columns = ", ".join(
                f'"{field.column}" {"bigserial" if field.name == "history_id" else field.db_type(connection)}'
                + (" DEFAULT now()" if field.name == "created_at" else "")
                for field in model._meta.local_fields
            )
            cursor.execute(f'CREATE TEMP TABLE "{model._meta.db_table}" ({columns}) ON COMMIT DROP')
    return secret_model.objects


def stored(table="encryption_secret", column="text"):
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT "{column}" FROM "{table}"')
        return [value for (value,) in cursor.fetchall()]


def store(value):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE encryption_secret SET text = %s", [value])


def test_text_is_a_ciphertext_in_the_database_and_itself_in_python(secrets):
    secret = secrets.create(text=IBAN)
    [first] = stored()

    assert first.startswith("tests:")
    assert "GB33" not in first
    assert secrets.get(pk=secret.pk).text == IBAN
    assert list(secrets.values_list("text", "other")) == [(IBAN, None)]

    secret.save()
    [second] = stored()
    assert second != first
    assert secrets.get().text == IBAN


def test_every_way_of_writing_encrypts(secrets):
    first, second = secrets.bulk_create([secrets.model(text="one"), secrets.model(text="")])
    assert [text.partition(":")[0] for text in stored()] == ["tests", ""]

    secrets.filter(pk=first.pk).update(text="eins")
    second.text = "zwei"
    secrets.bulk_update([second], ["text"])

    assert {text.partition(":")[0] for text in stored()} == {"tests"}
    assert dict(secrets.values_list("pk", "text")) == {first.pk: "eins", second.pk: "zwei"}


def test_it_can_be_asked_for_nothing_and_for_null_alone(secrets):
    empty, known = secrets.create(text=""), secrets.create(text="known", other="x")

    assert secrets.get(text="") == empty
    assert secrets.exclude(text="").get() == known
    assert secrets.get(other__isnull=True) == empty
    with pytest.raises(FieldError, match="it can be asked for '' and NULL alone"):
        secrets.filter(text="known").exists()
    for lookup in ("icontains", "in", "startswith", "gt", "regex"):
        with pytest.raises(FieldError, match="Unsupported lookup"):
            secrets.filter(**{f"text__{lookup}": "known"})


def test_a_value_moved_or_changed_cannot_be_read_and_the_error_tells_no_value(secrets, other_account):
    secret = secrets.create(text=IBAN, other="mine")
    [text], [other] = stored(), stored(column="other")
    broken = text[:-6] + ("AAAA" if text[-6:-2] != "AAAA" else "BBBB") + text[-2:]

    for value, error, words in [
        (other, Tampered, "the key tests does not fit"),
        (broken, Tampered, "the key tests does not fit"),
        ("tests:AAAA", Tampered, "the key tests does not fit"),
        (text.replace("tests", "gone"), UnknownKey, "FIELD_ENCRYPTION_KEYS has no key gone"),
        (IBAN, NotEncrypted, "is not a ciphertext"),
    ]:
        store(value)
        with pytest.raises(error, match=rf"encryption_secret\.text cannot be decrypted: .*{words}") as raised:
            secrets.get(pk=secret.pk)
        assert value not in str(raised.value)
        assert "GB33" not in str(raised.value)
    # Carried over into another account's row, past every policy.
    store(text)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE encryption_secret SET tenant_id = %s", [other_account.pk])
    with tenant_scope(other_account.pk), pytest.raises(Tampered):
        secrets.get(pk=secret.pk)


def test_outside_a_tenants_scope_nothing_is_encrypted(secret_model):
    with pytest.raises(NoTenant):
        secret_model._meta.get_field("text").get_db_prep_save("text", connection)


def test_history_holds_the_ciphertext_too_and_may_be_copied_by_sql(secrets):
    secret = secrets.create(text=IBAN)
    [kept] = stored("encryption_historicalsecret")
    assert kept.startswith("tests:")
    assert secret.history.get().text == IBAN

    [current] = stored()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE encryption_historicalsecret SET text = %s", [current])
    assert secret.history.get().text == IBAN


def test_the_first_key_encrypts_and_every_key_decrypts(secrets):
    with override_settings(FIELD_ENCRYPTION_KEYS=parse_keys(OLD)):
        secrets.create(text="before")
    with override_settings(FIELD_ENCRYPTION_KEYS=parse_keys(f"{NEW},{OLD}")):
        secrets.create(text="after")
        assert sorted(secrets.values_list("text", flat=True)) == ["after", "before"]
        assert sorted(text.partition(":")[0] for text in stored()) == ["new", "old"]
    with (
        override_settings(FIELD_ENCRYPTION_KEYS=parse_keys(NEW)),
        pytest.raises(UnknownKey, match="has no key old"),
    ):
        list(secrets.all())


def test_a_fixture_holds_the_ciphertext_and_is_read_again(secrets):
    secret = secrets.create(text=IBAN, other="")
    dumped = serializers.serialize("json", [secret])

    assert "GB33" not in dumped
    [fields] = [each["fields"] for each in json.loads(dumped)]
    assert fields["text"].keys() == {"encrypted"}
    assert (fields["other"], secret._meta.get_field("text").to_python("plain")) == ("", "plain")

    field = secret._meta.get_field("text")
    assert field.to_python(fields["text"]) == IBAN
    with pytest.raises(Tampered):
        secret._meta.get_field("other").to_python(fields["text"])


def test_what_the_database_computes_is_refused(secrets):
    secrets.create(text=IBAN, other="other")
    before = stored()

    for computed in (models.F("other"), Lower(models.Value("PLAIN")), models.Value("plain")):
        with pytest.raises(FieldError, match="what the database computes"), transaction.atomic():
            secrets.update(text=computed)
    assert stored() == before
    with pytest.raises(ValueError, match="takes text that can be written as UTF-8") as raised:
        secrets.create(text="Zo\ud800")
    assert "Zo" not in str(raised.value)


@isolate_apps("budgetsite.encryption")
def test_a_column_that_would_compare_ciphertexts_is_refused():
    class Compared(models.Model):
        text = EncryptedTextField(unique=True)

        class Meta:
            app_label = "encryption"

        def __str__(self):
            return str(self.pk)

    assert [error.id for error in Compared._meta.get_field("text").check()] == ["encryption.E001"]
    assert Compared._meta.get_field("text").deconstruct()[1] == "django.db.models.TextField"


def test_keys_are_read_in_their_order_and_never_shown():
    keys = parse_keys(f" {NEW} , {OLD} ")

    assert [key.id for key in keys] == ["new", "old"]
    assert write_keys(keys) == f"{NEW},{OLD}"
    assert repr(keys) == "(EncryptionKey(id='new'), EncryptionKey(id='old'))"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "there is no key"),
        ("A" * 43 + "=", "entry 1 does not begin with an id"),
        ("two words:" + "A" * 43 + "=", "entry 1 does not begin with an id"),
        ("k:" + "A" * 43, "the key k is not base64"),
        ("k:AAAA", "the key k has 3 bytes"),
        (f"{OLD},{OLD}", "two keys have the same id"),
        (f"{OLD},again:{'A' * 43}=", "two ids have the same key"),
    ],
)
def test_keys_that_cannot_be_used_are_refused_without_being_repeated(text, problem):
    with pytest.raises(UnusableKeys, match=problem) as raised:
        parse_keys(text)
    assert "AAAA" not in str(raised.value)
