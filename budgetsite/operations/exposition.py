"""All figures in the words of Prometheus: what the processes have counted, and what is asked for now."""

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from budgetsite.operations.figures import AskedFigures
from budgetsite.operations.figures_folder import folder_to_read

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition() -> bytes:
    asked = CollectorRegistry()
    asked.register(AskedFigures())
    return counted() + generate_latest(asked)


def counted() -> bytes:
    """What this machine's processes have counted, in the words of Prometheus."""
    with folder_to_read() as folder:
        if folder is None:
            return generate_latest(REGISTRY)
        counted = CollectorRegistry()
        MultiProcessCollector(counted, folder)  # type: ignore[no-untyped-call]
        return generate_latest(counted)
