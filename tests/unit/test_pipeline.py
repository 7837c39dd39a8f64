"""What .gitlab-ci.yml and compose.yaml hold beyond their schemas."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PIPELINE = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text(encoding="utf-8"))
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
#: Of registries that are gone, or free no more.
GONE = ("bitnami/",)


def images() -> dict[str, str]:
    """Each image that a job can have, by where it is said."""
    found = {f"variable {name}": value for name, value in _image_variables(PIPELINE["variables"])}
    for job, keys in PIPELINE.items():
        if not isinstance(keys, dict):
            continue
        image = keys.get("image")
        if image is not None:
            found[job] = image["name"] if isinstance(image, dict) else image
        for rule in keys.get("rules", ()) if job != "workflow" else ():
            found |= {
                f"{job}, {rule['if']}": value
                for _, value in _image_variables(rule.get("variables", {}))
            }
    return {where: image for where, image in found.items() if not image.startswith("$")}


def _image_variables(variables: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in variables.items() if name.endswith("_IMAGE")]


@pytest.mark.parametrize(("where", "image"), sorted(images().items()))
def test_image_of_a_job_is_named_by_version(where: str, image: str) -> None:
    _, _, tag = image.rpartition(":")

    assert re.match(r"v?\d+\.\d+", tag), f"{where}: {image}"
    assert not image.startswith(GONE), f"{where}: {image}"


def test_builder_is_a_variable_then_the_jobs_image_follows_it() -> None:
    assert PIPELINE[".image"]["image"]["name"] == "$BUILDER_IMAGE"
    assert all("image" not in PIPELINE[job] for job in ("build", "push"))


def test_tag_then_nothing_is_built() -> None:
    building = [job for job in ("build", "push") if job in PIPELINE]
    conditions = [rule["if"] for job in building for rule in PIPELINE[job]["rules"]]

    assert not any("CI_COMMIT_TAG" in condition for condition in conditions)


def test_each_environment_deploys_a_folder_of_its_own() -> None:
    folders = {
        PIPELINE["variables"][PIPELINE[job]["variables"]["KUSTOMIZATION"].removeprefix("$")]
        for job in ("staging", "production")
    }

    assert len(folders) == 2
    assert all((ROOT / folder / "kustomization.yaml").is_file() for folder in folders)


def test_compose_mounts_folders_not_files_that_are_replaced() -> None:
    mounts = [
        volume.split(":")[1]
        for service in COMPOSE["services"].values()
        for volume in service.get("volumes", ())
        if volume.startswith(".")
    ]

    assert mounts == ["/etc/ntp-checker"]
