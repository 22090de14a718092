"""Sent inside the transaction that makes it so."""

from django.dispatch import Signal

# Deliveries of the present account were made, or something came of them.
deliveries_changed = Signal()
