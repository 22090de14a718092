"""What can be seen of the queues: how much waits in each, and which workers answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import redis
from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError
from redis.backoff import NoBackoff
from redis.retry import Retry

ANSWER_SECONDS = 1.0
PRIORITIES = (0, 3, 6, 9)
# As Celery's transport for Redis writes a queue's name for each priority but the first.
_SEPARATOR = "\x06\x16"
_UNACKNOWLEDGED = "unacked"


class BrokerAway(RuntimeError):
    def __init__(self) -> None:
        super().__init__("The broker can't be reached.")


@dataclass(frozen=True, slots=True)
class QueueLength:
    name: str
    waiting: int


@dataclass(frozen=True, slots=True)
class Worker:
    name: str
    # How many tasks it does at once, in processes or threads.
    at_once: int
    seconds_up: float


@contextmanager
def _asking() -> Iterator["redis.Redis"]:
    client = redis.Redis.from_url(
        settings.CELERY_BROKER_URL,
        socket_connect_timeout=ANSWER_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        yield client
    except redis.RedisError as error:
        raise BrokerAway from error
    finally:
        client.close()


def ping_broker() -> None:
    """Raises `BrokerAway` when it does not answer."""
    with _asking() as client:
        client.ping()


def queue_names() -> list[str]:
    """Return every queue that the settings send a task to."""
    return sorted({*current_app.amqp.queues, *(route["queue"] for route in settings.CELERY_TASK_ROUTES.values())})


def queue_lengths() -> list[QueueLength]:
    """Return how many tasks wait in each queue. Raises `BrokerAway`."""
    names = queue_names()
    with _asking() as client, client.pipeline(transaction=False) as pipe:
        for name in names:
            for priority in PRIORITIES:
                pipe.llen(f"{name}{_SEPARATOR}{priority}" if priority else name)
        lengths = pipe.execute()
    each = len(PRIORITIES)
    return [QueueLength(name, sum(lengths[i * each : (i + 1) * each])) for i, name in enumerate(names)]


def taken_count() -> int:
    """Return how many tasks workers have taken and not yet finished. Raises `BrokerAway`."""
    with _asking() as client:
        return int(client.hlen(_UNACKNOWLEDGED))  # type: ignore[arg-type]  # not awaitable: the client is not async


def workers() -> list[Worker]:
    """Ask all workers, which takes a second, and return those that answered. Raises `BrokerAway`."""
    ping_broker()
    try:
        stats = current_app.control.inspect(timeout=ANSWER_SECONDS).stats() or {}
    except (OperationalError, redis.RedisError) as error:
        raise BrokerAway from error
    return [Worker(name, stat["pool"]["max-concurrency"], stat["uptime"]) for name, stat in sorted(stats.items())]
