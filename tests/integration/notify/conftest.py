"""Amazon's own variables for tests: nothing of this machine's account is read."""

from collections.abc import Iterator

import pytest

from tests.moto_server import MotoServer
from tests.ses_proxy import SesProxy

SENDER = "alerts@example.org"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A region and credentials that open nothing; the endpoint is the test's to set."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-of-amazon")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


@pytest.fixture(scope="module")
def moto() -> Iterator[MotoServer]:
    """Of one module; a test that counts mails empties it first."""
    server = MotoServer()
    yield server
    server.stop()


@pytest.fixture
def ses(moto: MotoServer, aws: pytest.MonkeyPatch) -> MotoServer:
    """Empty, with the sender verified; clients made now lead there."""
    moto.reset()
    moto.verify(SENDER)
    aws.setenv("AWS_ENDPOINT_URL_SESV2", moto.url)
    return moto


@pytest.fixture
def line(ses: MotoServer, aws: pytest.MonkeyPatch) -> Iterator[SesProxy]:
    """A line to it that fails as it is told; clients made now take it."""
    with SesProxy(ses) as proxy:
        aws.setenv("AWS_ENDPOINT_URL_SESV2", proxy.url)
        yield proxy
    assert proxy.errors == []
