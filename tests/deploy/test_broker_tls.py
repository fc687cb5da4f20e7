"""How a broker's certificate is checked. ``./dev hosts-test`` shows it with real servers."""

from __future__ import annotations

import ssl

import pytest

from reverie.errors import StartupError
from reverie.queue.celery_app import make_celery
from reverie.settings import QueueSettings, ServerSettings, Settings


def settings(url: str) -> Settings:
    return Settings(server=ServerSettings(broker_url=url), queue=QueueSettings())  # type: ignore[arg-type]


def test_amqps_verifies_the_certificate_and_its_host() -> None:
    app = make_celery(settings("amqps://me:s%2Fx@127.0.0.1:1//?ssl_ca_certs=/etc/ca.pem&heartbeat=10"))
    connection = app.connection_for_write()
    assert (connection.hostname, connection.password, connection.virtual_host) == ("127.0.0.1", "s/x", "/")
    assert connection.ssl["cert_reqs"] is ssl.CERT_REQUIRED
    assert connection.ssl["ca_certs"] == "/etc/ca.pem"
    # Building the transport fills the name in; without one, the library would not look at it.
    assert connection.transport is not None
    with pytest.raises(OSError):
        connection.transport.establish_connection()
    assert connection.ssl["server_hostname"] == "127.0.0.1"


def test_a_misspelt_parameter_is_named_before_anything_connects() -> None:
    with pytest.raises(StartupError, match="ssl_ca_cert is not known"):
        make_celery(settings("amqps://me@rabbit.internal//?ssl_ca_cert=/etc/ca.pem"))


@pytest.mark.parametrize("url", ["redis://cache:6379/0", "amqp://me@rabbit//"])
def test_other_brokers_are_left_alone(url: str) -> None:
    assert make_celery(settings(url)).conf.broker_use_ssl is None
