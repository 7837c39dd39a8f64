"""How large the spool's file may get: a setting, and a manifest's disk is larger than it."""

from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from structlog.testing import capture_logs

from ntp_checker.config import Settings, load_settings
from ntp_checker.errors import ConfigError
from ntp_checker.service import open_checker
from scripts.check_manifests import render_all, spool_mistakes
from tests.rig.parts import find_part
from tests.sample_factory import SLOT_AT, judged_sample, source

#: Nobody listens there: this is about the spool alone.
NOWHERE = "postgresql://ntp@127.0.0.1:1/ntp"
MIB = 1024**2
ROOT = Path(__file__).resolve().parents[2]
SOURCES = tuple(source(f"192.0.2.{number}") for number in range(40))


def test_size_when_nothing_is_set_then_8_gib() -> None:
    assert load_settings({}).spool_max_bytes == 8 * 1024**3


@pytest.mark.parametrize("given", ["0", "-1", "63", "1048577", "1536Mi", "2.5", "much"])
def test_size_when_nonsense_then_refused_under_its_name(given: str) -> None:
    with pytest.raises(ConfigError, match="NTP_CHECKER_SPOOL_MAX_MIB"):
        load_settings({"NTP_CHECKER_SPOOL_MAX_MIB": given})


@pytest.mark.asyncio
async def test_spool_when_three_quarters_of_the_setting_are_used_then_thinned_out(
    tmp_path: Path,
) -> None:
    path = tmp_path / "spool.sqlite"
    words: list[str] = []
    sizes_mib: list[float] = []
    settings = Settings(data_dir=tmp_path, spool_max_mib=64)
    async with open_checker(settings, NOWHERE) as checker:
        with capture_logs() as lines:
            for start in range(0, 10_000, 100):
                slots = [SLOT_AT + timedelta(seconds=n) for n in range(start, start + 100)]
                rows = [judged_sample("h", at, sources=SOURCES) for at in slots]
                await checker.spool.append_all(rows, 1)
                sizes_mib.append(path.stat().st_size / MIB)
                words = [line["event"] for line in lines]
                if words:
                    break

    assert words == ["spool is nearly full: samples are dropped"]
    assert 44 < sizes_mib[-1] < 56


def manifest(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    """deployment.yaml with these changes."""
    text = (ROOT / "deployment.yaml").read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = tmp_path / "deployment.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_manifest_when_as_it_is_then_its_spool_fits_its_volume(tmp_path: Path) -> None:
    assert list(spool_mistakes([manifest(tmp_path)])) == []


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (('value: "1536"', 'value: "1700"'), "may take 1700 MiB of 2Gi"),
        (("NTP_CHECKER_SPOOL_MAX_MIB", "OTHER"), "may take 8192 MiB of 2Gi"),
        (("sizeLimit: 2Gi", "sizeLimit: 1536Mi"), "may take 1536 MiB of 1536Mi"),
    ],
)
def test_manifest_when_its_spool_may_fill_the_volume_then_said(
    tmp_path: Path, change: tuple[str, str], mistake: str
) -> None:
    (told,) = spool_mistakes([manifest(tmp_path, change)])

    assert f"Deployment ntp-checker: the spool {mistake}" in told


def test_renderings_when_made_then_each_spool_fits_its_volume(tmp_path: Path) -> None:
    rendered = dict(render_all(find_part("kustomize"), tmp_path))
    files = {name: path for name, path in rendered.items() if isinstance(path, Path)}
    claimed = yaml.safe_load_all(files["spool-volume"].read_text(encoding="utf-8"))
    (checker,) = [one for one in claimed if one["kind"] == "StatefulSet"]
    (container,) = checker["spec"]["template"]["spec"]["containers"]

    assert rendered == files
    assert list(spool_mistakes(list(files.values()))) == []
    assert {"name": "NTP_CHECKER_SPOOL_MAX_MIB", "value": "8192"} in container["env"]
