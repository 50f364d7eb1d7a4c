#!/usr/bin/env bash
# From a clean checkout, as root: N hosts come up, e-commerce search (or another spec) is deployed on them by its generated playbooks,
# loaded, collected, judged, reported and taken away again; then the hosts go too.
#   tests/testbed/cluster.sh [N] [SPEC] [options of `aibenchc run`, as --data synthetic]
# AIBENCH_PROGRAMS: a folder whose aibenchc is run instead, that of an environment with libraries of others.
# By default 15 hosts, specs/ecommerce.aib; without options a spec's deployment `cluster`, where it has one.
set -euo pipefail
cd "$(dirname "$0")/../.."
hosts=${1:-15}
spec=${2:-specs/ecommerce.aib}
shift $(($# < 2 ? $# : 2))
[ $# -gt 0 ] || ! grep -q "^ *deployment cluster " "$spec" || set -- --deployment cluster
.ci/setup
export PATH="${AIBENCH_PROGRAMS:+$AIBENCH_PROGRAMS:}$PWD/.venv/bin:$PATH" PFX=${PFX:-cl} TB=${TB:-${AIBENCH_HOME:-$HOME/.cache/aibenchc}/testbed}
bed=tests/testbed/testbed.sh
trap '"$bed" down' EXIT
"$bed" down
"$bed" image
"$bed" up "$hosts"
inventory=$TB/state-$PFX/inventory.ini
run=$(aibenchc run "$spec" -i "$inventory" --out runs/generated --prepare-only "$@") # the bed reaches no registry
"$bed" in env PATH="$PATH" aibenchc run "$spec" -i "$inventory" --out runs/generated --resume "$run" --teardown "$@"
aibenchc report "$run"
code=0
aibenchc validate "$run" || code=$?
echo "The report: $run/report.html"
exit $code
