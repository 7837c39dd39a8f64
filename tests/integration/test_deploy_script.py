"""What the pipeline's deployment asks of a cluster: kustomize is the real one, kubectl writes down."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.rig.parts import find_part

ROOT = Path(__file__).resolve().parents[2]
KUBECTL = """\
#!/bin/sh
echo "$*" >>{folder}/asked
case "$*" in
    *" get "*" --ignore-not-found --output name") sed -n "s|^get\\($4\\)$|\\1|p" {folder}/there ;;
    *" apply "*) for last; do :; done; cp "$last" {folder}/applied ;;
    *" rollout status "*) test ! -e {folder}/never-ready ;;
    *" rollout undo deployment/ntp-checker") test ! -e {folder}/no-way-back ;;
esac
"""


@dataclass
class Cluster:
    """One that has what `there` names; what it was asked and given."""

    folder: Path

    def has(self, *names: str) -> None:
        (self.folder / "there").write_text("".join(f"get{name}\n" for name in names))

    def deploy(self, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(self.folder / "ntp-checker/scripts/ci/deploy.sh")],
            env={
                "PATH": f"{self.folder}/bin:{find_part('kustomize').parent}:{os.environ['PATH']}",
                "CI_REGISTRY_IMAGE": "images.example.com/time",
                "CI_COMMIT_SHA": "0123abcd",
                **environment,
            },
            capture_output=True,
            text=True,
        )

    @property
    def asked(self) -> list[str]:
        lines = (self.folder / "asked").read_text().splitlines()
        return [line.removeprefix("--namespace ntp-checker ") for line in lines]

    @property
    def workloads(self) -> dict[str, list[str]]:
        """Kind and name of what was applied, with its images."""
        found = yaml.safe_load_all((self.folder / "applied").read_text())
        return {
            f"{one['kind']}/{one['metadata']['name']}": [
                container["image"]
                for container in one.get("spec", {})
                .get("template", {})
                .get("spec", {})
                .get("containers", ())
            ]
            for one in found
        }


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    checkout = tmp_path / "ntp-checker"
    checkout.mkdir()
    for name in ("deployment.yaml", "service.yaml", "ingress.yaml", "kustomization.yaml"):
        shutil.copy(ROOT / name, checkout / name)
    for name in ("deploy", "scripts"):
        shutil.copytree(ROOT / name, checkout / name)
    (tmp_path / "bin").mkdir()
    kubectl = tmp_path / "bin" / "kubectl"
    kubectl.write_text(KUBECTL.format(folder=tmp_path))
    kubectl.chmod(0o755)
    found = Cluster(tmp_path)
    found.has()
    return found


def test_deployment_when_the_first_then_it_brings_its_hosts_and_says_so(cluster: Cluster) -> None:
    done = cluster.deploy()

    assert done.returncode == 0, done.stderr
    assert "no ConfigMap ntp-checker yet" in done.stderr
    assert "ConfigMap/ntp-checker" in cluster.workloads
    image = "images.example.com/time/checker:0123abcd"
    assert cluster.workloads["Deployment/ntp-checker"] == [image]


def test_deployment_when_there_are_hosts_then_they_stay(cluster: Cluster) -> None:
    cluster.has("configmap/ntp-checker", "deployment/ntp-checker")

    done = cluster.deploy()

    assert done.returncode == 0, done.stderr
    assert "ConfigMap/ntp-checker" not in cluster.workloads


def test_deployment_when_not_ready_then_both_are_taken_back_whatever_fails(
    cluster: Cluster,
) -> None:
    (cluster.folder / "never-ready").touch()
    (cluster.folder / "no-way-back").touch()

    done = cluster.deploy(ROLLOUT_WAIT_S="1")

    assert done.returncode == 1
    assert "deployment/ntp-checker: can't be taken back" in done.stderr
    assert [line for line in cluster.asked if "undo" in line] == [
        "rollout undo deployment/ntp-checker",
        "rollout undo deployment/ntp-dashboard",
    ]


def test_deployment_when_a_checker_of_another_kind_is_there_then_refused(cluster: Cluster) -> None:
    cluster.has("statefulset/ntp-checker")

    done = cluster.deploy()

    assert done.returncode == 1
    assert "statefulset/ntp-checker is there" in done.stderr
    assert not (cluster.folder / "applied").exists()


def test_deployment_when_the_installation_has_its_own_folder_then_that_is_rolled_out(
    cluster: Cluster,
) -> None:
    (cluster.folder / "ntp-checker" / "staging").mkdir()
    (cluster.folder / "ntp-checker" / "base").mkdir()
    for name in ("deployment.yaml", "service.yaml", "ingress.yaml", "kustomization.yaml"):
        shutil.move(
            cluster.folder / "ntp-checker" / name, cluster.folder / "ntp-checker" / "base" / name
        )
    kustomization = {
        "resources": ["../base"],
        "components": ["../deploy/components/spool-volume"],
    }
    (cluster.folder / "ntp-checker/staging/kustomization.yaml").write_text(
        yaml.safe_dump(kustomization)
    )
    cluster.has("statefulset/ntp-checker")

    done = cluster.deploy(KUSTOMIZATION="staging")

    assert done.returncode == 0, done.stderr
    assert "StatefulSet/ntp-checker" in cluster.workloads
    assert "rollout status statefulset/ntp-checker --timeout 300s" in cluster.asked
