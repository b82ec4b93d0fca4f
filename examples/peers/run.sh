#!/usr/bin/env bash
# The peers' figures: one JSON line each on standard output, progress on standard error.
#   run.sh CACHE [N]
# Packages and setups go to CACHE and stay there for the next run. N proofs each, 10 unless told.
set -euo pipefail

[ $# -ge 1 ] && [ $# -le 2 ] || { echo "usage: run.sh CACHE [N]" >&2; exit 2; }
mkdir -p "$1"
cache=$(cd "$1" && pwd)
runs=${2:-10}
[[ $runs =~ ^[1-9][0-9]*$ ]] || { echo "peers: N is a number from 1" >&2; exit 2; }
cd "$(dirname "$0")"

missing=()
if ! command -v node >/dev/null; then
    missing+=("node, 20 or later")
elif [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then
    missing+=("node, 20 or later ($(node --version) is too old)")
fi
command -v npm >/dev/null || missing+=("npm")
if ! command -v python3 >/dev/null; then
    missing+=("python3 and python3-venv")
elif ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    missing+=("python3-venv")
fi
if [ ${#missing[@]} -gt 0 ]; then
    printf 'peers: missing: %s\n' "${missing[@]}" >&2
    exit 1
fi

node=$cache/node python=$cache/python
mkdir -p "$node"
cp package.json package-lock.json policy.circom snarkjs.mjs "$node"
if ! cmp -s package-lock.json "$node/installed"; then
    echo "peers: installing the Node packages" >&2
    (cd "$node" && npm ci --ignore-scripts --no-audit --no-fund >&2)
    cp package-lock.json "$node/installed"
fi
if ! cmp -s requirements.txt "$python/installed"; then
    echo "peers: installing the Python packages" >&2
    python3 -m venv --clear "$python"
    "$python/bin/pip" install --quiet --disable-pip-version-check --requirement requirements.txt >&2
    cp requirements.txt "$python/installed"
fi

node "$node/snarkjs.mjs" "$cache/setup" "$runs"
"$python/bin/python" -I anoncreds.py "$runs"
