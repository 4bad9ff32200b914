#!/usr/bin/env bash
# Lists the manifests of AuditMitigationTasks that a git repository has held for longer than DAYS (80), and fails if
# there are any: they are to be removed before the service forgets their tasks, 90 days after the start.
#
# usage: old-manifests.sh [FOLDER [DAYS]]
#
# Needs bash and git, and the whole history: a shallow clone doesn't know when a file was added.
set -euo pipefail

fail() {
    echo "error: $*" >&2
    exit 2
}

cd -- "${1:-.}"
days=${2:-80}
[[ $days =~ ^[1-9][0-9]{0,3}$ ]] || fail "DAYS must be a number, as in 80"
shallow=$(git rev-parse --is-shallow-repository) || fail "run it in a git repository"
[[ $shallow == false ]] || fail "this clone is shallow: fetch the whole history first"
oldest=$(($(date +%s) - days * 24 * 60 * 60))

found=0
while IFS= read -r -d '' file; do
    # When it was added, under whatever name: its task was started then, or later. A file that takes the place of one
    # that is only similar is a new one.
    added=$(git log --follow --find-renames=100% --diff-filter=A --format=%ct -- "$file" | tail -n 1)
    if [[ $added && $added -lt $oldest ]]; then
        printf '%s  %s\n' "$(date --utc --date "@$added" +%F)" "$file"
        found=$((found + 1))
    fi
done < <(git grep --null --files-with-matches --extended-regexp '^[ -]*"?kind"?: *"?AuditMitigationTask"?,? *(#.*)?$' || true)
if [[ $found -gt 0 ]]; then
    echo "error: $found manifests are older than $days days: remove them, or they may run again in a new cluster" >&2
    exit 1
fi
