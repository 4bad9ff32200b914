#!/usr/bin/env bash
# Creates one AuditMitigationTask for each completed audit that has findings to mitigate, in the pod's own namespace.
#
# usage: create-tasks.sh FOLDER
#
# FOLDER holds a file for each audit check: its name is the check, its content the mitigation actions in their order.
# Needs bash, curl and the AWS CLI, as they are in the image of the AWS CLI; nothing else, neither kubectl nor jq.
#
#   AWS_REGION   where the audits are, and the tasks are to run
#   WINDOW_DAYS  how far back audits are looked for: 1 to 80, as the service forgets tasks and audits after 90 days
#   SUSPEND      true: each task waits until somebody sets its spec.suspend to false
#   TOKEN_DIR    the service account's token and CA, where they aren't in the usual place
set -euo pipefail

fail() {
    echo "error: $*" >&2
    exit 1
}

[[ $# -eq 1 && -d $1 ]] || fail "usage: create-tasks.sh FOLDER, with a file for each audit check"
for program in aws curl; do
    command -v "$program" >/dev/null || fail "$program is missing in this image"
done
actions_folder=$1
window_days=${WINDOW_DAYS:-7}
suspend=${SUSPEND:-false}
token_dir=${TOKEN_DIR:-/var/run/secrets/kubernetes.io/serviceaccount}
# Whatever goes into a manifest or an address is checked first: then no quoting is needed, and none can be forgotten.
[[ ${AWS_REGION:-} =~ ^[a-z0-9-]{1,32}$ ]] || fail "set AWS_REGION to a region, as in eu-central-1"
[[ $window_days =~ ^[1-9][0-9]?$ && $window_days -le 80 ]] || fail "WINDOW_DAYS must be a number from 1 to 80"
[[ $suspend == true || $suspend == false ]] || fail "SUSPEND must be true or false"
namespace=$(<"$token_dir/namespace")
[[ $namespace =~ ^[a-z0-9-]+$ ]] || fail "$token_dir/namespace holds no namespace"
host=${KUBERNETES_SERVICE_HOST:?is set in every pod}
[[ $host != *:* ]] || host="[$host]"
url="https://$host:${KUBERNETES_SERVICE_PORT:?is set in every pod}"
url+="/apis/devicedefender.dev/v1alpha1/namespaces/$namespace/auditmitigationtasks?fieldValidation=Strict"

# The AWS CLI without a pager, in a fixed region; it follows the pages of a list by itself.
iot() {
    AWS_PAGER='' AWS_DEFAULT_REGION=$AWS_REGION aws iot "$@"
}

# "CHECK":["Action",…] for each check of the folder that has findings in this audit, suppressed ones aside.
mapping_of() {
    local audit=$1 file check action found actions mapping=''
    for file in "$actions_folder"/*; do
        check=${file##*/}
        [[ $check =~ ^[A-Z0-9_]{1,128}$ ]] || fail "$file: a file's name must be an audit check, as in LOGGING_DISABLED_CHECK"
        actions=''
        for action in $(<"$file"); do
            [[ $action =~ ^[a-zA-Z0-9_-]{1,128}$ ]] || fail "$file: $action can't be the name of a mitigation action"
            actions+="${actions:+,}\"$action\""
        done
        [[ $actions ]] || fail "$file names no mitigation action"
        found=$(iot list-audit-findings --task-id "$audit" --check-name "$check" --no-list-suppressed-findings \
            --max-items 1 --query 'length(findings)' --output json) || return 1
        [[ $found == 0 ]] || mapping+="${mapping:+,}\"$check\":[$actions]"
    done
    printf '%s' "$mapping"
}

# The id of the task is the audit's own, whatever the mapping: a second task for one audit is never started, neither
# after a change of the folder nor by another cluster. The TTL of 90 days is longer than any window, so what it has
# deleted isn't created again.
manifest() {
    local audit=$1 mapping=$2
    printf '%s' '{"apiVersion":"devicedefender.dev/v1alpha1","kind":"AuditMitigationTask",' \
        "\"metadata\":{\"name\":\"audit-$audit\"}," \
        "\"spec\":{\"taskId\":\"audit-$audit\",\"target\":{\"auditTaskId\":\"$audit\"}," \
        "\"auditCheckToActionsMapping\":{$mapping},\"region\":\"$AWS_REGION\",\"suspend\":$suspend,\"ttlSecondsAfterFinished\":7776000}}"
}

# Posts the manifest on standard input and prints the HTTP status, or what the API server says against it.
# The token is no argument: those are seen by everybody on the node.
post() {
    curl --silent --show-error --retry 3 --retry-connrefused --max-time 30 --cacert "$token_dir/ca.crt" \
        --header @<(printf 'Authorization: Bearer %s' "$(<"$token_dir/token")") \
        --header 'Content-Type: application/json' --data-binary @- --write-out '\n%{http_code}' "$url"
}

window_start=$(date --utc --date "$window_days days ago" +%Y-%m-%dT%H:%M:%SZ)
# shellcheck disable=SC2016 # JMESPath's backticks, not the shell's.
listed=$(iot list-audit-tasks --start-time "$window_start" --end-time "$(date --utc +%Y-%m-%dT%H:%M:%SZ)" \
    --task-status COMPLETED --query 'not_null(tasks, `[]`)[].[taskId]' --output text) || fail "the audits can't be listed"

mapfile -t audits <<<"$listed"
failures=0
for audit in "${audits[@]}"; do
    # A page without audits is an empty line.
    [[ $audit ]] || continue
    # Lower case, because it becomes part of a name in Kubernetes.
    if ! [[ $audit =~ ^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$ ]]; then
        printf 'error: %q is not the id of an audit\n' "$audit" >&2
        failures=$((failures + 1))
        continue
    fi
    if ! mapping=$(mapping_of "$audit"); then
        echo "error: audit $audit: see above; it is tried again at the next run" >&2
        failures=$((failures + 1))
    elif [[ ! $mapping ]]; then
        echo "audit $audit: no findings to mitigate"
    else
        answer=$(manifest "$audit" "$mapping" | post) || true
        case ${answer##*$'\n'} in
            201) echo "audit $audit: created auditmitigationtask/audit-$audit" ;;
            409) echo "audit $audit: auditmitigationtask/audit-$audit exists" ;;
            *)
                echo "error: audit $audit: the API server did not take auditmitigationtask/audit-$audit: $answer" >&2
                failures=$((failures + 1))
                ;;
        esac
    fi
done
[[ $failures -eq 0 ]] || fail "$failures audits failed, see above"
