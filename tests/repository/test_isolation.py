"""The test run reaches nothing but this machine."""

import socket

import pytest
from pytest_socket import SocketConnectBlockedError


def test_only_the_named_loopback_addresses_are_reached() -> None:
    """A connection to any other address, even of the loopback range, is an error before a packet is sent."""
    blocked = pytest.raises(SocketConnectBlockedError)
    with socket.socket() as stranger, pytest.warns(UserWarning, match=r"127\.0\.0\.2"), blocked:
        stranger.connect(("127.0.0.2", 9))


def test_loopback_is_reached() -> None:
    """A server of the test's own can be connected to."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert client.getpeername() == server.getsockname()
