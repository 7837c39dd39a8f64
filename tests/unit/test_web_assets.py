import gzip
import re
from pathlib import Path

from ntp_checker.web.assets import Assets


def folder_with(tmp_path: Path, **files: str) -> Assets:
    for name, text in files.items():
        (tmp_path / name.replace("_", ".")).write_text(text)
    return Assets(tmp_path)


def test_asset_when_its_content_changes_then_its_name_does(tmp_path: Path) -> None:
    before = folder_with(tmp_path, app_css="a{}").url("app.css")
    after = folder_with(tmp_path, app_css="b{}").url("app.css")

    assert re.fullmatch(r"/static/app\.[0-9a-f]{12}\.css", before)
    assert before != after


def test_asset_when_compressed_then_the_same_bytes(tmp_path: Path) -> None:
    assets = folder_with(tmp_path, app_js="let a = 1;\n" * 100)
    asset = assets.named(assets.url("app.js").rpartition("/")[2])

    assert asset is not None
    assert gzip.decompress(asset.body_gzip) == asset.body


def test_module_when_it_imports_another_then_by_its_hashed_name(tmp_path: Path) -> None:
    assets = folder_with(tmp_path, app_js='import { a } from "./units.js";', units_js="export {};")
    asset = assets.named(assets.url("app.js").rpartition("/")[2])

    assert asset is not None
    assert f'from ".{assets.url("units.js").removeprefix("/static")}"' in asset.body.decode()


def test_module_when_an_imported_one_changes_then_it_is_renamed_too(tmp_path: Path) -> None:
    files = {"app_js": 'import { a } from "./units.js";'}
    before = folder_with(tmp_path, **files, units_js="export const a = 1;").url("app.js")
    after = folder_with(tmp_path, **files, units_js="export const a = 2;").url("app.js")

    assert before != after


def test_asset_when_not_there_then_no_address(tmp_path: Path) -> None:
    assert folder_with(tmp_path).url("app.css") == ""
