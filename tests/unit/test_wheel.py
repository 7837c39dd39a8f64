"""The wheel, and so the images: all of the package that is under version control, nothing besides."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_wheel_when_built_then_it_has_each_file_of_the_package_and_no_other(tmp_path: Path) -> None:
    source = tmp_path / "source"
    known = subprocess.check_output(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, text=True
    )
    names = [name for name in known.split("\0") if (ROOT / name).is_file()]
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    (source / "ntp_checker" / "settings.yaml").write_text("database_url: somebody's")
    (source / "ntp_checker" / "web" / "static" / "key.pem").write_text("somebody's")

    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path],
        cwd=source,
        check=True,
        capture_output=True,
    )

    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("ntp_checker/")}
    added = ("ntp_checker/_sql/", "ntp_checker/_docs/")
    wanted = {name for name in names if name.startswith("ntp_checker/")}
    assert {name for name in packed if not name.startswith(added)} == wanted
