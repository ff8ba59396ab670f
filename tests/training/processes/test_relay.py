"""The relay passes bytes on, and notices the loss of the service without telling its client."""

import queue
import socket
import threading

import pytest

from autoint_jax.training.processes.relay import Relay


@pytest.fixture
def service():
    with socket.create_server(('127.0.0.1', 0)) as listening:
        yield listening


def connected(relay):
    return socket.create_connection(relay.address.split(':'), timeout=10)


def opened(service, silence_seconds=30.0):
    lost = queue.Queue()
    relay = Relay(f'127.0.0.1:{service.getsockname()[1]}', silence_seconds, lambda: lost.put(True))
    client = connected(relay)
    return relay, client, service.accept()[0], lost


def test_bytes_pass_both_ways(service):
    _, client, served, _ = opened(service)
    big = bytes(range(256)) * 5000
    threading.Thread(target=client.sendall, args=(big,)).start()
    served.settimeout(10)
    found = b''
    while len(found) < len(big):
        found += served.recv(1 << 16)
    assert found == big
    served.sendall(b'answer')
    assert client.recv(100) == b'answer'


def test_the_loss_of_the_service_is_told_and_hidden_from_the_client(service):
    relay, client, served, lost = opened(service)
    relay.guard()
    served.close()
    assert lost.get(timeout=10)
    client.settimeout(0.3)
    with pytest.raises(TimeoutError):  # the client waits on, and does not see an end
        client.recv(1)


def test_a_silent_service_is_lost(service):
    relay, _, _, lost = opened(service, silence_seconds=1.0)
    relay.guard()
    assert lost.get(timeout=10)


def test_before_and_after_the_run_an_end_is_an_end(service):
    relay, client, served, lost = opened(service, silence_seconds=0.2)
    relay.guard()
    relay.release()
    served.close()
    assert client.recv(1) == b'' and lost.empty()


def test_a_service_that_does_not_listen_yet_refuses(service):
    address = service.getsockname()
    service.close()
    relay = Relay(f'127.0.0.1:{address[1]}', 1.0, lambda: None)
    with connected(relay) as client:
        assert client.recv(1) == b''
