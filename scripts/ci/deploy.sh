#!/bin/sh
# Rolls this commit's images out to one installation, waits until they are ready, and takes them back if
# they don't get so. KUSTOMIZATION is the installation's folder: deploy/environments/staging, or one of
# your own that, like those, takes ../ntp-checker for the checkout. KUBE_CONTEXT is the agent's; without
# one kubectl's own default is used. KUBE_NAMESPACE is for a folder that says no namespace.
set -eu
cd "$(dirname "$0")/../.."
folder=${KUSTOMIZATION:?the folder of the installation, such as deploy/environments/staging}
wait_s=${ROLLOUT_WAIT_S:-300}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/ntp-checker/deploy" "$work/installation"
cp deployment.yaml service.yaml ingress.yaml kustomization.yaml "$work/ntp-checker/"
cp -R deploy/components "$work/ntp-checker/deploy/"
cp -R "$folder/." "$work/installation/"
(
    cd "$work/ntp-checker"
    for part in checker dashboard; do
        kustomize edit set image \
            "registry.example.com/ntp-checker/$part=$CI_REGISTRY_IMAGE/$part:$CI_COMMIT_SHA"
    done
)
kustomize build "$work/installation" >"$work/all.yaml"
for part in checker dashboard; do
    if ! grep -Fq "image: $CI_REGISTRY_IMAGE/$part:$CI_COMMIT_SHA" "$work/all.yaml"; then
        echo "$folder: does not run $part of this commit; its resources begin with ../ntp-checker" >&2
        exit 2
    fi
done

# list_objects: kind, name and namespace of each document, as kustomize writes them.
list_objects() {
    awk 'function tell() { if (kind != "") print kind, name, namespace
                           kind = name = namespace = section = "" }
         /^---/ { tell(); next }
         /^[a-zA-Z]/ { section = $1 }
         /^kind: / { kind = $2 }
         section == "metadata:" && /^  name: / { name = $2 }
         section == "metadata:" && /^  namespace: / { namespace = $2 }
         END { tell() }' "$work/all.yaml"
}
list_objects >"$work/objects"
namespace=$(awk '$3 != "" { print $3 }' "$work/objects" | sort -u)
: "${namespace:=${KUBE_NAMESPACE:-ntp-checker}}"
# What rolls out: word by word, deployment/ntp-dashboard statefulset/ntp-checker.
workloads=$(awk '$1 == "Deployment" || $1 == "StatefulSet" { print tolower($1) "/" $2 }' "$work/objects")
kubectl="kubectl --namespace $namespace"
if [ -n "${KUBE_CONTEXT:-}" ]; then kubectl="$kubectl --context $KUBE_CONTEXT"; fi

# A checker of the other kind would go on beside the new one.
running=$($kubectl get deployment,statefulset --selector app=checker --output name)
for found in $running; do
    found=$(echo "$found" | sed 's/\.apps//')
    case " $(echo "$workloads" | tr '\n' ' ') " in
        *" $found "*) ;;
        *)
            echo "$found runs in $namespace and is not in $folder: there would be two checkers." \
                "Add the component it needs, or first: $kubectl delete $found" >&2
            exit 2
            ;;
    esac
done

# Hosts and limits are the installation's own: made by the first deployment, and then left alone.
hosts=$($kubectl get configmap ntp-checker --ignore-not-found --output name)
if [ -z "$hosts" ]; then
    cp "$work/all.yaml" "$work/apply.yaml"
    echo "first deployment: the ConfigMap ntp-checker is made of what $folder and deployment.yaml say;" \
        "from now on it is yours: $kubectl edit configmap ntp-checker"
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

# wait_for WORKLOAD...: names those that are not ready in time.
wait_for() {
    for workload; do
        $kubectl rollout status "$workload" --timeout "${wait_s}s" >&2 || printf ' %s' "$workload"
    done
}
# shellcheck disable=SC2086
failed=$(wait_for $workloads)
if [ -z "$failed" ]; then exit 0; fi

echo "not ready within $wait_s s:$failed" >&2
if [ -z "$hosts" ]; then
    echo "first deployment: there is nothing to go back to, and what was applied stays to be looked at" >&2
    exit 1
fi
undone='' kept=''
for workload in $workloads; do
    if $kubectl rollout undo "$workload" >&2; then
        undone="$undone $workload"
    else
        kept="$kept $workload"
    fi
done
# shellcheck disable=SC2086
still=$(wait_for $undone)
if [ -n "$undone" ]; then echo "taken back:$undone" >&2; fi
if [ -n "$kept" ]; then echo "could not be taken back:$kept" >&2; fi
if [ -n "$still" ]; then echo "not ready after that either:$still" >&2; fi
exit 1
