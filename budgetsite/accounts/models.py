from datetime import datetime
from typing import Any, ClassVar
from uuid import uuid4

import pgtrigger
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower, Now

from budgetsite.accounts.roles import Role
from budgetsite.accounts.timezones import validate_timezone
from budgetsite.money.model_fields import CurrencyField
from budgetsite.tenancy.history import TenantHistory
from budgetsite.tenancy.models import TenantForeignKey, TenantModel


class Account(models.Model):
    """The tenant: a caterer, a wedding supplier, a conference team, a company."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=63, unique=True)
    currency = CurrencyField(default="USD")
    timezone = models.CharField(max_length=63, default="UTC", validators=[validate_timezone])
    four_eyes = models.BooleanField(
        default=True, help_text="A budget is approved by someone other than the person who submitted it."
    )
    approval_reminder_days = models.PositiveSmallIntegerField(
        default=3, help_text="Who has to approve is reminded after so many days, and again after as many; 0: never."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Trigger(
                name="keep_updated_at",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                func="NEW.updated_at = now(); RETURN NEW;",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    use_in_migrations = True

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_superuser=True, is_staff=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person, who may belong to several accounts. Signs in by e-mail address."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False, help_text="Works for the platform, beside any account's roles.")
    date_joined = models.DateTimeField(db_default=Now(), editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Addresses are stored in lower case; this refuses any that slip past.
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="accounts_user_email_is_lower_case"),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            # A form that forgets to leave these out would make anybody a superuser.
            pgtrigger.Trigger(
                name="keep_platform_rights",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(old__is_superuser__df=pgtrigger.F("new__is_superuser"))
                | pgtrigger.Q(old__is_staff__df=pgtrigger.F("new__is_staff")),
                func="""
                    IF NOT pg_has_role(
                        current_user, (SELECT c.relowner FROM pg_class c WHERE c.oid = TG_RELID), 'MEMBER'
                    ) THEN
                        RAISE EXCEPTION 'platform rights are given by the operator alone'
                            USING ERRCODE = 'insufficient_privilege';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        super().clean()
        self.email = self.email.strip().lower()

    def get_full_name(self) -> str:
        return str(self)

    def get_short_name(self) -> str:
        return str(self)


class Team(TenantModel):
    """A group of people in an account."""

    name = models.CharField(max_length=200)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                "tenant",
                Lower("name"),
                condition=models.Q(deleted_at=None),
                name="accounts_team_one_per_name",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(TenantModel):
    """What a person is in an account. A person has one role in each account."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships", db_index=False
    )
    role = models.CharField(max_length=20, choices=Role.choices)
    team = TenantForeignKey(Team, on_delete=models.PROTECT, null=True, blank=True, related_name="memberships")

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "user"],
                condition=models.Q(deleted_at=None),
                name="accounts_membership_one_per_user",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # Sign-in: the accounts that a person belongs to.
            models.Index(fields=["user"], condition=models.Q(deleted_at=None), name="accounts_membership_by_user"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role}"


class ApiKey(TenantModel):
    """What a machine signs in with, to do what it is allowed to and nothing else. Only hashes of secrets are kept.

    It works on when `responsible` leaves the account: an integration does not stop in the night because somebody has
    changed jobs. The page then asks for another person.
    """

    name = models.CharField(max_length=100)
    # Of MACHINE_ACTIONS (budgetsite.accounts.permissions).
    actions = ArrayField(models.CharField(max_length=50))
    # Scoped budgets whose subtrees it reaches; none: all of the account. Bare ids: this app knows no budgets.
    budget_ids = ArrayField(models.UUIDField(), default=list, blank=True)
    # Who answers for what it does, and stands in the history of it.
    responsible = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False, editable=False
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    secret_hash = models.BinaryField(editable=False)
    # The secret before the last rotation, good until then.
    previous_hash = models.BinaryField(null=True, editable=False)
    previous_until = models.DateTimeField(null=True, editable=False)
    rotated_at = models.DateTimeField(null=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    history = TenantHistory(excluded_fields=["secret_hash", "previous_hash"], projections=("last_used_at",))

    class Meta(TenantModel.Meta):
        verbose_name = "API key"
        verbose_name_plural = "API keys"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                "tenant", Lower("name"), condition=models.Q(revoked_at=None), name="accounts_apikey_one_per_name"
            ),
            models.CheckConstraint(condition=models.Q(actions__len__gt=0), name="accounts_apikey_may_do_something"),
            models.CheckConstraint(
                condition=models.Q(previous_hash=None, previous_until=None)
                | models.Q(previous_hash__isnull=False, previous_until__isnull=False),
                name="accounts_apikey_previous_secret_ends",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def may(self, action: str) -> bool:
        return action in self.actions

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def within_reach(self, *, path: str = "path") -> models.Q:
        """Return the condition on budgets: those that it names, and what lies below them.

        `path` is the column with the ids of a budget's ancestors. For checks this is about the budgets that are asked
        for: their ancestors are always checked with them, in reach or not.
        """
        if not self.budget_ids:
            return models.Q()
        return models.Q(pk__in=self.budget_ids) | models.Q(**{f"{path}__overlap": self.budget_ids})
