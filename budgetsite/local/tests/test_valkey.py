import signal
import socket

import psutil
import pytest
import redis

from budgetsite.local.valkey import Valkey


@pytest.fixture
def valkey(folder, signals):
    valkey = Valkey(folder, signals)
    valkey.start()
    yield valkey
    valkey.stop()


def test_it_asks_for_the_password(valkey):
    with socket.create_connection(("127.0.0.1", valkey.port), timeout=10) as stranger:
        stranger.sendall(b"PING\r\n")
        assert stranger.recv(100).startswith(b"-NOAUTH")


def test_the_password_is_on_no_command_line_and_in_no_file_of_the_server(valkey, folder):
    password = folder.secrets().valkey_password

    assert password not in " ".join(psutil.Process(valkey.process.pid).cmdline())
    assert password not in (folder.logs / "valkey.log").read_text()


def test_it_listens_on_loopback_alone(valkey):
    connections = psutil.Process(valkey.process.pid).net_connections("all")

    assert {each.laddr[:2] for each in connections if each.status == psutil.CONN_LISTEN} == {("127.0.0.1", valkey.port)}


def test_queued_work_survives_a_stop_and_a_cache_gives_way_first(valkey, folder, signals):
    with redis.Redis.from_url(valkey.address) as client:
        client.rpush("celery", "job")
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "volatile-lru"}
        assert client.config_get("maxmemory") == {"maxmemory": str(256 * 1024 * 1024)}
    valkey.stop()

    again = Valkey(folder, signals)
    again.start()
    try:
        with redis.Redis.from_url(again.address) as client:
            assert client.lrange("celery", 0, -1) == [b"job"]
    finally:
        again.stop()


def test_a_throwaway_server_writes_nothing(folder, signals):
    valkey = Valkey(folder, signals, durable=False)
    valkey.start()
    with redis.Redis.from_url(valkey.address) as client:
        client.set("one", 1)
    valkey.stop()

    assert list(folder.valkey.iterdir()) == []


def test_a_server_that_died_comes_back_on_its_port(valkey):
    before = valkey.address
    valkey.process.send_signal(signal.SIGKILL)
    valkey.process.wait(10)

    valkey.start()

    assert valkey.address == before
    with redis.Redis.from_url(before) as client:
        assert client.ping() is True
