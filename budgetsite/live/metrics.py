"""How many listen."""

from prometheus_client import Counter, Gauge

LISTENERS = Gauge("budgetsite_stream_listeners", "Streams that are open just now.", multiprocess_mode="livesum")
STREAMS = Counter("budgetsite_streams_total", "Streams that were begun.")
