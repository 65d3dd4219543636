#!/bin/sh
# Makes .venv from requirements.txt and requirements-dev.txt, with a Python 3.12 or 3.13 found anywhere on the machine or fetched by uv.
# Does nothing when .venv is up to date; two at once wait for one another.
set -eu
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH VIRTUAL_ENV || true
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

venv=.venv
stamp=$venv/nightdesk.stamp
wanted=$({ echo "$PWD"; cat requirements.txt requirements-dev.txt pyproject.toml tools/env.sh; } | cksum)

up_to_date() { [ -x $venv/bin/nightdesk ] && [ "$(cat $stamp 2>/dev/null)" = "$wanted" ]; }

# A name on PATH is no proof: version managers put stand-ins there that refuse to run.
usable() {
    "$1" -c 'import ensurepip, ssl, sys, venv; sys.exit(not (3, 12) <= sys.version_info[:2] <= (3, 13))' \
        >/dev/null 2>&1
}

candidates() {
    [ -z "${PYTHON:-}" ] || echo "$PYTHON"
    printf '%s\n' python3.12 python3.13 python3 python
    for versions in "${PYENV_ROOT:-$HOME/.pyenv}/versions" "$HOME/.pyenv/versions"; do
        for found in "$versions"/3.12*/bin/python "$versions"/3.13*/bin/python; do
            [ ! -x "$found" ] || echo "$found"
        done
    done
}

find_uv() {
    if command -v uv >/dev/null 2>&1; then
        command -v uv
        return
    fi
    for any in python3 python /usr/bin/python3; do
        if "$any" -m pip --version >/dev/null 2>&1 &&
            "$any" -m pip install --quiet --target .nightdesk/uv 'uv>=0.9' >&2; then
            echo .nightdesk/uv/bin/uv
            return
        fi
    done
    return 1
}

find_python() {
    while read -r candidate; do
        if usable "$candidate"; then
            command -v "$candidate"
            return
        fi
    done <<LIST
$(candidates)
LIST
    echo "no Python 3.12 or 3.13 here: asking uv for one" >&2
    if uv=$(find_uv) && "$uv" python install 3.12 >&2 && fetched=$("$uv" python find 3.12) &&
        usable "$fetched"; then
        echo "$fetched"
        return
    fi
    echo "Nightdesk needs Python 3.12 or 3.13 (with venv). None was found on PATH or in pyenv's versions folder," >&2
    echo "and uv could not fetch one. Install one, or name it: make env PYTHON=/path/to/python3.12" >&2
    return 1
}

mkdir -p .nightdesk
exec 9>.nightdesk/env.lock
if command -v flock >/dev/null 2>&1; then
    flock 9
fi
if up_to_date; then
    exit 0
fi

if ! usable $venv/bin/python; then
    python=$(find_python)
    echo "making .venv with $python" >&2
    "$python" -m venv --clear $venv
fi
rm -f $stamp
$venv/bin/python -m pip install --quiet 'uv>=0.9'
echo "installing the pinned packages" >&2
pins="-r requirements.txt -r requirements-dev.txt"
if ! $venv/bin/uv pip install --quiet --python $venv/bin/python --compile-bytecode $pins; then
    echo "uv could not install them (pip may know an index that uv does not): trying pip" >&2
    $venv/bin/python -m pip install --quiet $pins
fi
$venv/bin/uv pip install --quiet --python $venv/bin/python --no-deps -e . ||
    $venv/bin/python -m pip install --quiet --no-deps -e .
echo "$wanted" >$stamp
echo "the environment stands in .venv" >&2
