"""Secrets that lie about where an image is built: none goes into a layer, a label or the history."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.canaries import found_in
from tests.images import builder

#: Where people leave such things, within what the recipes copy too.
PLACES = (
    ".env",
    ".git/config",
    ".netrc",
    "id_ed25519",
    "config/ntp-checker.yaml",
    "deploy/secret.yaml",
    "docs/.env",
    "migrations/dump.sql",
    "ntp_checker/.env",
    "ntp_checker/ntp-checker.yaml",
    "ntp_checker/web/static/key.pem",
    "ntp_checker/web/templates/users.bak",
    "requirements/pip.conf",
    "scripts/id_rsa",
)
CANARIES = {place: f"canary-{number:02}-c21be07d9a4f" for number, place in enumerate(PLACES)}
OF_THE_BUILDER = {
    "DATABASE_URL": "canary-90-c21be07d9a4f",
    "NTP_CHECKER_SECRET_KEY": "canary-91-c21be07d9a4f",
    "AWS_SECRET_ACCESS_KEY": "canary-92-c21be07d9a4f",
    "CI_JOB_TOKEN": "canary-93-c21be07d9a4f",
}


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's files as they are here, and the secrets among them."""
    folder = tmp_path_factory.mktemp("context")
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=builder.ROOT, text=True)
    for name in filter(None, listed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(builder.ROOT / name, folder / name)
    for place, secret in CANARIES.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        assert not (folder / place).exists()
        (folder / place).write_text(f"password: {secret}\n")
    return folder


@pytest.mark.parametrize("part", ["checker", "dashboard"])
def test_image_when_secrets_lie_about_then_none_is_in_it(
    part: str, context: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder.check_tools()
    builder.make_base()
    for name, value in OF_THE_BUILDER.items():
        monkeypatch.setenv(name, value)

    builder.build(part, f"ntp-checker/{part}:canaries", use_cache=False, context=context)

    content = builder.content_of(f"ntp-checker/{part}:canaries", tmp_path)
    # What is looked through is the image: its label and our schema are in it.
    assert "org.opencontainers.image.title" in content
    assert "metrics.ntp_parent" in content
    print(f"{part}: {len(content) / 1e6:.0f} million characters looked through")
    assert found_in(content, CANARIES | OF_THE_BUILDER) == set()
