"""The pipeline's deployment of whole environments: namespaces, names, and a cluster that fails."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.rig.parts import find_part

ROOT = Path(__file__).resolve().parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
#: Its own calls are in $STUB/calls, what was applied in $STUB/applied.yaml. What it answers and where
#: it fails are the files there and failing.
KUBECTL = """\
#!/bin/sh
while [ "$1" = --namespace ] || [ "$1" = --context ]; do
    echo "$1 $2" >>"$STUB/where"
    shift 2
done
echo "$*" >>"$STUB/calls"
case $* in
    "get "*) grep -x "$2" "$STUB/there" ;;
    "apply --filename "*) cp "$3" "$STUB/applied.yaml" ;;
esac
while read -r call; do
    case $* in "$call"*) echo "error: $call" >&2 && exit 1 ;; esac
done <"$STUB/failing"
exit 0
"""
STATEFUL = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: clocks
resources: [../ntp-checker]
components: [../ntp-checker/deploy/components/spool-volume]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What a stub of kubectl knows and was told."""

    place: Path

    def knows(self, *running: str, failing: Sequence[str] = ()) -> None:
        """These workloads, and with them a ConfigMap; `failing` are beginnings of calls."""
        there = [*running, "configmap/ntp-checker"] if running else []
        (self.place / "there").write_text("".join(f"{name}\n" for name in there))
        (self.place / "failing").write_text("".join(f"{call}\n" for call in failing))

    def deploy(self, folder: Path) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.place / 'bin'}:{os.environ['PATH']}",
            "STUB": str(self.place),
            "CI_REGISTRY_IMAGE": "registry.example.org/clocks",
            "CI_COMMIT_SHA": COMMIT,
            "KUSTOMIZATION": str(folder),
        }
        return subprocess.run(
            [ROOT / "scripts/ci/deploy.sh"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self, beginning: str) -> list[str]:
        calls = (self.place / "calls").read_text().splitlines()
        return [call for call in calls if call.startswith(beginning)]

    def applied(self) -> dict[str, dict[str, object]]:
        """By kind and name."""
        text = (self.place / "applied.yaml").read_text()
        return {
            f"{found['kind']}/{found['metadata']['name']}": found
            for found in yaml.safe_load_all(text)
        }


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "kubectl").write_text(KUBECTL)
    (bin_folder / "kubectl").chmod(0o755)
    (bin_folder / "kustomize").symlink_to(find_part("kustomize"))
    (tmp_path / "calls").touch()
    return Cluster(place=tmp_path)


@pytest.fixture
def stateful(tmp_path: Path) -> Path:
    folder = tmp_path / "clocks"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(STATEFUL)
    return folder


def test_first_deployment_makes_the_configmap_and_says_whose_it_is(cluster: Cluster) -> None:
    cluster.knows()
    done = cluster.deploy(Path("deploy/environments/staging"))

    assert done.returncode == 0, done.stderr
    assert "ConfigMap/ntp-checker" in cluster.applied()
    assert "kubectl --namespace ntp-checker-staging edit configmap/ntp-checker" in done.stderr


def test_later_deployment_leaves_the_configmap_alone(cluster: Cluster) -> None:
    cluster.knows("deployment/ntp-checker")
    done = cluster.deploy(Path("deploy/environments/production"))

    assert done.returncode == 0, done.stderr
    applied = cluster.applied()
    assert "ConfigMap/ntp-checker" not in applied
    assert {"Namespace/ntp-checker", "Service/ntp-checker-metrics"} < set(applied)


@pytest.mark.parametrize(
    ("environment", "host"),
    [("staging", "staging.dashboard.example.com"), ("production", "dashboard.example.com")],
)
def test_environment_has_its_own_names_and_the_commits_images(
    cluster: Cluster, environment: str, host: str
) -> None:
    cluster.knows()
    cluster.deploy(Path("deploy/environments") / environment)

    text = (cluster.place / "applied.yaml").read_text()
    assert text.count(f"value: https://{host}\n") == 2
    assert text.count(f"host: {host}\n") == 1
    for part, times in (("checker", 2), ("dashboard", 1)):
        assert text.count(f"image: registry.example.org/clocks/{part}:{COMMIT}\n") == times


def test_each_workload_is_waited_for_when_one_fails(cluster: Cluster) -> None:
    cluster.knows("deployment/ntp-checker", failing=["rollout status deployment/ntp-checker"])
    done = cluster.deploy(Path("deploy/environments/staging"))

    assert done.returncode == 1
    assert "not ready within 300 s: deployment/ntp-checker; " in done.stderr
    assert "deployment/ntp-checker: not ready, though taken back\n" in done.stderr
    assert "deployment/ntp-dashboard: taken back\n" in done.stderr
    assert len(cluster.calls("rollout status")) == 4


def test_all_are_taken_back_when_one_cannot_be(cluster: Cluster) -> None:
    failing = ["rollout status deployment/ntp-dashboard", "rollout undo deployment/ntp-checker"]
    cluster.knows("deployment/ntp-checker", failing=failing)
    done = cluster.deploy(Path("deploy/environments/staging"))

    assert done.returncode == 1
    assert "rollout undo deployment/ntp-dashboard" in cluster.calls("rollout undo")
    assert "deployment/ntp-checker: can't be taken back\n" in done.stderr
    assert "deployment/ntp-dashboard: not ready, though taken back\n" in done.stderr


def test_statefulset_is_waited_for_and_taken_back(cluster: Cluster, stateful: Path) -> None:
    cluster.knows("statefulset/ntp-checker", failing=["rollout status statefulset/ntp-checker"])
    done = cluster.deploy(stateful)

    assert done.returncode == 1
    assert cluster.calls("rollout undo") == [
        "rollout undo deployment/ntp-dashboard",
        "rollout undo statefulset/ntp-checker",
    ]
    assert "--namespace clocks" in (cluster.place / "where").read_text().splitlines()


def test_nothing_is_applied_when_there_would_be_two_checkers(cluster: Cluster) -> None:
    cluster.knows("statefulset/ntp-checker")
    done = cluster.deploy(Path("deploy/environments/staging"))

    assert done.returncode == 1
    assert "there would be two checkers" in done.stderr
    assert cluster.calls("apply") == []


def test_nothing_is_applied_when_the_folder_has_other_images(
    cluster: Cluster, stateful: Path
) -> None:
    cluster.knows()
    name = "registry.example.com/ntp-checker/checker"
    images = f"images: [{{name: {name}, newName: elsewhere/checker}}]\n"
    (stateful / "kustomization.yaml").write_text(STATEFUL + images)
    done = cluster.deploy(stateful)

    assert done.returncode == 2
    assert "does not run this commit's checker" in done.stderr
    assert cluster.calls("") == []


def test_nothing_is_applied_when_the_cluster_does_not_answer(cluster: Cluster) -> None:
    cluster.knows("deployment/ntp-checker", failing=["get configmap"])
    done = cluster.deploy(Path("deploy/environments/staging"))

    assert done.returncode != 0
    assert cluster.calls("apply") == []
