import pytest

from ingest.system.addresses import is_loopback, is_within, read_network


@pytest.mark.parametrize("text", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
def test_this_machine(text: str):
    assert is_loopback(text)


@pytest.mark.parametrize(
    "text", [None, "", "localhost", "0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1", "127.0.0.1:80"]
)
def test_other_addresses_are_not_this_machine(text: str | None):
    assert not is_loopback(text)


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("10.0.0.5", "10.0.0.5", "10.0.0.6"),
        ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
        ("10.0.0.0/8", "::ffff:10.0.0.1", "::ffff:11.0.0.1"),
        ("::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.1"),
        ("2001:db8::/32", "2001:db8::7", "2001:db9::7"),
        ("::1", "::1", "127.0.0.1"),
        ("0.0.0.0/1", "10.0.0.1", "::a00:1"),
    ],
)
def test_network_contains_its_own_addresses_only(network: str, inside: str, outside: str):
    networks = (read_network("192.0.2.7"), read_network(network))
    assert is_within(inside, networks)
    assert not is_within(outside, networks)


@pytest.mark.parametrize("text", [None, "", "unix", "10.0.0.1:443", "010.0.0.1", "10.0.0.1, 10.0.0.2"])
def test_invalid_address_is_in_no_network(text: str | None):
    assert not is_within(text, (read_network("0.0.0.0/1"), read_network("::/1")))
