"""How many listen. A figure without labels opens its file when it is made: so it is made where somebody listens, and
commands leave nothing behind, nor need the folder of the figures."""

from functools import cache

from prometheus_client import Counter, Gauge


@cache
def listeners() -> Gauge:
    return Gauge("budgetsite_stream_listeners", "Streams that are open just now.", multiprocess_mode="livesum")


@cache
def streams() -> Counter:
    return Counter("budgetsite_streams_total", "Streams that were begun.")
