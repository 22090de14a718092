from typing import ClassVar

from django.conf import settings
from django.db import models

from budgetsite.accounts.models import ApiKey
from budgetsite.encryption.model_fields import EncryptedTextField
from budgetsite.tenancy.models import TenantForeignKey, TenantRow


class KeptAnswer(TenantRow):
    """What a POST with an `Idempotency-Key` answered, kept for two days so that a repeat gets the same answer.

    Written in the transaction of the request itself: what was rolled back has answered nothing.
    """

    # Who asked: a person or a machine. A machine's answers are its own, whoever is responsible for it.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False, null=True
    )
    api_key = TenantForeignKey(ApiKey, on_delete=models.PROTECT, related_name="+", null=True)
    path = models.CharField(max_length=500)
    key = models.CharField(max_length=200)
    fingerprint = models.BinaryField()
    # 0 until the request has answered; nobody but its own transaction ever sees that.
    status = models.PositiveSmallIntegerField(default=0)
    # An answer may repeat what its own table keeps encrypted.
    body = EncryptedTextField(blank=True)
    headers = models.JSONField(default=dict)

    class Meta(TenantRow.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # A second request with the key waits on this until the first has ended.
            models.UniqueConstraint(
                fields=["tenant", "user", "api_key", "path", "key"],
                nulls_distinct=False,
                name="api_keptanswer_one_per_key",
            ),
            models.CheckConstraint(
                condition=models.Q(user__isnull=True, api_key__isnull=False)
                | models.Q(user__isnull=False, api_key__isnull=True),
                name="api_keptanswer_of_one_asker",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # Pruning, across all tenants.
            models.Index(fields=["created_at"], name="api_keptanswer_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.path} {self.key}"
