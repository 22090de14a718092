"""An entry of the ledger."""

from typing import Any

from rest_framework import serializers

from budgets.models import EntryKind, EntrySource, LedgerEntry
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField


class LedgerEntryAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    seq = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=EntryKind.choices)
    committed_delta = MoneyField()
    actual_delta = MoneyField()
    currency = serializers.CharField()
    occurred_at = serializers.DateTimeField()
    source = serializers.ChoiceField(choices=EntrySource.choices)  # type: ignore[assignment]
    source_id = serializers.CharField()
    line_item_id = serializers.UUIDField(allow_null=True)
    actor = serializers.UUIDField(allow_null=True)
    actor_name = serializers.CharField(allow_null=True)
    description = serializers.CharField()
    prev_hash = serializers.CharField(help_text="Hexadecimal; empty before the first entry.")
    hash = serializers.CharField()


def entry_answer(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "id": str(entry.pk),
        "seq": entry.seq,
        "kind": entry.kind,
        "committed_delta": amount_to_json(entry.committed_delta, entry.currency),
        "actual_delta": amount_to_json(entry.actual_delta, entry.currency),
        "currency": entry.currency,
        "occurred_at": entry.occurred_at,
        "source": entry.source,
        "source_id": entry.source_id,
        "line_item_id": entry.line_item_id,
        "actor": entry.actor_id,
        "actor_name": str(entry.actor) if entry.actor else None,
        "description": entry.description,
        "prev_hash": bytes(entry.prev_hash).hex(),
        "hash": bytes(entry.hash).hex(),
    }
