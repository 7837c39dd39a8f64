"""That a secret is found again in every form in which it may be told."""

from base64 import b64encode

import pytest

from tests.canaries import found_in

SECRET = "s3cret/of?ours"
SECRETS = {"ours": SECRET, "another": "another-s3cret"}


@pytest.mark.parametrize(
    "text",
    [
        f"a {SECRET}.",
        "a s3cret%2Fof%3Fours",
        *(b64encode(f"{'ada'[:before]}:{SECRET}".encode()).decode() for before in range(4)),
    ],
)
def test_secret_when_told_in_any_form_then_found(text: str) -> None:
    assert found_in(text, SECRETS) == {"ours"}


def test_secret_when_not_told_then_not_found() -> None:
    assert found_in("s3cret", SECRETS) == set()
