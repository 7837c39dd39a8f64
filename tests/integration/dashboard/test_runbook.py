"""The runbook, as the server sends it."""

import pytest
from flask.testing import FlaskClient

from ntp_checker.model import ProblemCode


@pytest.mark.parametrize("code", ProblemCode)
def test_runbook_when_a_message_leads_there_then_the_code_is_an_anchor(
    quiet_client: FlaskClient, code: ProblemCode
) -> None:
    page = quiet_client.get("/runbook").text

    assert page.count(f'id="{code}"') == 1


def test_runbook_when_on_any_page_then_its_foot_leads_there(quiet_client: FlaskClient) -> None:
    assert '<a href="/runbook">Runbook</a>' in quiet_client.get("/alerts").text
