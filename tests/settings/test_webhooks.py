"""The sections [webhook:NAME]: every option, and every value that is refused."""

import pytest

from ingest.errors.types import ConfigurationError
from ingest.settings.loading import load_settings
from ingest.states.notifications import NotificationType
from tests.settings.cases import WithIni

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEEDED = f"url = https://example.org/hook\nsecret = {SECRET}\n"


def test_webhook_needs_only_a_url_and_a_secret(with_ini: WithIni):
    (webhook,) = load_settings(with_ini(f"[webhook:lab]\n{NEEDED}")).webhooks
    assert (webhook.name, webhook.url, webhook.secrets) == ("lab", "https://example.org/hook", (SECRET,))
    assert (webhook.events, webhook.users, webhook.allow_private) == (tuple(NotificationType), (), False)


def test_webhook_has_events_users_and_two_secrets(with_ini: WithIni):
    options = (
        f"secret = {SECRET}, {SECRET}\nevents = job.failed, job.completed\nusers = ada, otto\nallow_private = yes\n"
    )
    ini = with_ini(f"[webhook:a]\nurl = http://10.0.0.7:8080/\n{options}[webhook:b]\n{NEEDED}events =\n")
    first, second = load_settings(ini).webhooks
    assert (first.secrets, first.users, first.allow_private) == ((SECRET, SECRET), ("ada", "otto"), True)
    assert first.events == (NotificationType.FAILED, NotificationType.COMPLETED)
    assert (second.name, second.events) == ("b", tuple(NotificationType))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("url", ""),
        ("url", "example.org"),
        ("url", "ftp://example.org/"),
        ("url", "https://user:geheim@example.org/"),
        ("url", "https://example.org:99999/"),
        ("url", "https://example.org:0/"),
        ("url", "https://example.org/a b"),
        ("url", "https://example.org/#part"),
        ("url", "https:///path"),
        ("secret", ""),
        ("secret", "geheim"),
        ("secret", SECRET.removeprefix("whsec_")),
        ("secret", "whsec_Z2VoZWlt"),
        ("secret", f"whsec_{'A' * 88}"),
        ("secret", f"{SECRET} {SECRET}"),
        ("events", "job.exploded"),
        ("users", "a b, \x01"),
        ("allow_private", "perhaps"),
    ],
)
def test_invalid_option_is_refused_without_its_value(with_ini: WithIni, option: str, value: str):
    lines = {"url": "https://example.org/hook", "secret": SECRET, option: value}
    ini = with_ini("[webhook:lab]\n" + "".join(f"{name} = {text}\n" for name, text in lines.items()))
    with pytest.raises(ConfigurationError) as raised:
        load_settings(ini)
    assert raised.value.text.startswith(f"[webhook:lab] {option}: its value is not valid; it is ")
    assert "geheim" not in raised.value.text


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ("[webhook:lab]\nurl = https://example.org/\n", "[webhook:lab] secret: missing; it is whsec_"),
        (f"[webhook:lab]\n{NEEDED}user = ada\n", "[webhook:lab] user: unknown; the options are url, secret, events"),
        (f"[webhook:lab]\n{NEEDED}name = other\n", "[webhook:lab] name: unknown"),
        (f"[webhook:]\n{NEEDED}", "[webhook:]: the name of a webhook has 1 to 63 letters"),
        (f"[webhook:a b]\n{NEEDED}", "[webhook:a b]: the name of a webhook has 1 to 63 letters"),
    ],
)
def test_invalid_section_is_refused(with_ini: WithIni, section: str, sentence: str):
    with pytest.raises(ConfigurationError) as raised:
        load_settings(with_ini(section))
    assert raised.value.text.startswith(sentence)


def test_empty_section_is_an_error_that_names_all_that_is_missing(with_ini: WithIni):
    with pytest.raises(ConfigurationError) as raised:
        load_settings(with_ini("[webhook:lab]\n"))
    assert "[webhook:lab] url: missing; it is an http(s) URL" in raised.value.text
    assert "[webhook:lab] secret: missing; it is whsec_" in raised.value.text


def test_options_of_all_sections_are_used_if_a_webhook_knows_them(with_ini: WithIni):
    ini = with_ini(f"[DEFAULT]\nallow_private = true\nfoo = 1\nname = other\n[webhook:lab]\n{NEEDED}")
    (webhook,) = load_settings(ini).webhooks
    assert (webhook.name, webhook.allow_private) == ("lab", True)


def test_secret_and_url_are_not_in_the_text_of_the_settings(with_ini: WithIni):
    settings = load_settings(with_ini(f"[webhook:lab]\nurl = https://example.org/key\nsecret = {SECRET}\n"))
    assert "lab" in repr(settings)
    assert SECRET not in repr(settings)
    assert "example.org" not in repr(settings)
