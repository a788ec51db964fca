import pytest

from ingest.system.addresses import is_loopback, is_public, is_within, read_network


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


@pytest.mark.parametrize("text", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"])
def test_public_addresses(text: str):
    assert is_public(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost",
        "0.0.0.0",
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::10.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "fe80::1",
        "fec0::1",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "2001:db8::1",
        "64:ff9b::a00:1",
        "64:ff9b:1::5db8:d822",
        "2002:a00:1::1",
        "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    ],
)
def test_addresses_that_are_not_on_the_internet(text: str):
    assert not is_public(text)
