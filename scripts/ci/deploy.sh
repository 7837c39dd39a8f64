#!/bin/sh
# Rolls this commit's images out to one installation, waits until they are ready, and takes them back if
# they don't get so. KUSTOMIZATION is the installation's folder (the root where it names none): one that,
# as deploy/environments/staging, takes ../ntp-checker for the checkout is laid beside it, since kustomize
# refuses an overlay below its own base; any other of the checkout is taken where it lies. KUBE_CONTEXT is
# the agent's; without one kubectl's own default is used. KUBE_NAMESPACE is for a folder that says none.
set -eu
cd "$(dirname "$0")/../.."
folder=${KUSTOMIZATION:-.}
wait_s=${ROLLOUT_WAIT_S:-300}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/installation" "$work/rollout"
ln -s "$PWD" "$work/ntp-checker"
if grep -Fq ../ntp-checker "$folder/kustomization.yaml"; then
    cp -R "$folder/." "$work/installation/"
    taken=../installation
else
    taken=../ntp-checker/$folder
fi
(
    cd "$work/rollout"
    kustomize create --resources "$taken"
    for part in checker dashboard; do
        kustomize edit set image \
            "registry.example.com/ntp-checker/$part=$CI_REGISTRY_IMAGE/$part:$CI_COMMIT_SHA"
    done
)
kustomize build "$work/rollout" >"$work/all.yaml"
for part in checker dashboard; do
    if ! grep -Fq "image: $CI_REGISTRY_IMAGE/$part:$CI_COMMIT_SHA" "$work/all.yaml"; then
        echo "$folder does not run this commit's $part: it must leave the images to the pipeline" >&2
        exit 2
    fi
done

# Kind, name and namespace of each document, as kustomize writes them.
awk 'function tell() { if (kind != "") print kind, name, namespace
                       kind = name = namespace = section = "" }
     /^---/ { tell(); next }
     /^[a-zA-Z]/ { section = $1 }
     /^kind: / { kind = $2 }
     section == "metadata:" && /^  name: / { name = $2 }
     section == "metadata:" && /^  namespace: / { namespace = $2 }
     END { tell() }' "$work/all.yaml" >"$work/objects"
namespace=$(awk '$3 != "" { print $3; exit }' "$work/objects")
kubectl="kubectl --namespace ${namespace:=${KUBE_NAMESPACE:-ntp-checker}}"
if [ -n "${KUBE_CONTEXT:-}" ]; then kubectl="$kubectl --context $KUBE_CONTEXT"; fi
# What rolls out, word by word: deployment/ntp-dashboard statefulset/ntp-checker.
workloads=$(awk '$1 == "Deployment" || $1 == "StatefulSet" { print tolower($1) "/" $2 }' "$work/objects")

# A checker of the other kind would go on beside this one, and everybody be told twice.
for kind in deployment statefulset; do
    case $workloads in *"$kind/ntp-checker"*) continue ;; esac
    if [ -n "$($kubectl get "$kind/ntp-checker" --ignore-not-found --output name)" ]; then
        echo "$kind/ntp-checker is there, and $folder has another one: there would be two checkers." \
            "Delete it first ($kubectl delete $kind/ntp-checker), or set KUSTOMIZATION" >&2
        exit 1
    fi
done

# Hosts and limits are the installation's own: made by the first deployment, and then left alone. That
# the cluster does not answer is not that there are none, and ends this.
hosts=$($kubectl get configmap/ntp-checker --ignore-not-found --output name)
if [ -z "$hosts" ]; then
    cp "$work/all.yaml" "$work/apply.yaml"
    echo "no ConfigMap ntp-checker yet: it is made of what $folder says, or of the example;" \
        "from now on it is yours: $kubectl edit configmap/ntp-checker" >&2
else
    awk 'function tell() { if (!(config && ours)) printf "%s", text
                           text = section = ""; config = ours = 0 }
         /^---/ { tell() }
         /^[a-zA-Z]/ { section = $1 }
         /^kind: ConfigMap$/ { config = 1 }
         section == "metadata:" && /^  name: ntp-checker$/ { ours = 1 }
         { text = text $0 "\n" }
         END { tell() }' "$work/all.yaml" >"$work/apply.yaml"
fi
$kubectl apply --filename "$work/apply.yaml"

failed=''
for workload in $workloads; do
    $kubectl rollout status "$workload" --timeout "${wait_s}s" || failed="$failed $workload"
done
[ -n "$failed" ] || exit 0
echo "not ready within $wait_s s:$failed; taking the rollout back" >&2
undone=''
for workload in $workloads; do
    if $kubectl rollout undo "$workload"; then
        undone="$undone $workload"
    else
        echo "$workload: can't be taken back" >&2
    fi
done
for workload in $undone; do
    if $kubectl rollout status "$workload" --timeout "${wait_s}s"; then
        echo "$workload: taken back" >&2
    else
        echo "$workload: not ready, though taken back" >&2
    fi
done
exit 1
