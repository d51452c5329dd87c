#!/usr/bin/env bash
# Makes sure that the tests find PostgreSQL (14 or later), redis-server and, in continuous integration, a browser and
# a Python with pandas and polars.
#
# Where they are missing and apt-get can be used, installs the distribution's packages, without leaving
# a system service behind: the tests start private servers themselves. Else says what to install.
# Without a browser only the test of the page for administrators is skipped; without pandas and polars, in
# target/dataframes or of python3 itself, only that of the example in docs/maintenance.md.
set -euo pipefail

has_postgres() {
    [ -n "${UNIVERSE_TEST_POSTGRES:-}${UNIVERSE_PG_BIN:-}" ] || command -v postgres >/dev/null ||
        compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null
}
has_redis() {
    [ -n "${UNIVERSE_REDIS_BIN:-}" ] || command -v redis-server >/dev/null || command -v valkey-server >/dev/null
}

has_browser() {
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null
}

# What the example of the documents reads exports with; a virtual environment, so that nothing of the system changes.
frames=(pandas==3.* pyarrow==26.* polars==2.*)
venv=$(dirname "$0")/../target/dataframes
has_frames() {
    local python
    for python in "$venv/bin/python" python3; do
        "$python" -c 'import pandas, polars, pyarrow' 2>/dev/null && return
    done
    return 1
}
bring_frames() {
    [ "${CI:-}" = true ] && ! has_frames || return 0
    echo "Installing ${frames[*]} for the tests ..." >&2
    python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check "${frames[@]}"
}

packages=() services=() browser=()
has_postgres || { packages+=(postgresql); services+=(postgresql); }
has_redis || { packages+=(redis-server); services+=(redis-server); }
{ [ "${CI:-}" != true ] || has_browser; } || browser=(chromium)
if [ "${CI:-}" = true ] && ! has_frames && ! python3 -m ensurepip --version >/dev/null 2>&1; then
    packages+=(python3-venv)
fi
if [ $((${#packages[@]} + ${#browser[@]})) -eq 0 ]; then
    bring_frames
    exit 0
fi

as_root=()
if [ "$(id -u)" != 0 ]; then
    # Without a terminal nobody can type a password.
    if sudo -n true 2>/dev/null; then as_root=(sudo -n); elif [ -t 0 ] && command -v sudo >/dev/null; then as_root=(sudo); else as_root=(false); fi
fi
if ! command -v apt-get >/dev/null || [ "${as_root[*]:-}" = false ]; then
    if [ ${#packages[@]} -eq 0 ]; then
        bring_frames
        exit 0
    fi
    echo "The tests need: ${packages[*]}. Install them with your package manager" >&2
    echo "(Debian: sudo apt-get install ${packages[*]}; macOS: brew install postgresql redis)." >&2
    echo "Until then the tests that use them are skipped." >&2
    [ "${CI:-}" = true ] && exit 1
    exit 0
fi

echo "Installing ${packages[*]} ${browser[*]} for the tests ..." >&2
# While this file forbids it, no package starts its service.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod +x "$policy"
fi
"${as_root[@]}" apt-get update -qq
install() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }
[ ${#packages[@]} -eq 0 ] || install "${packages[@]}"
[ ${#browser[@]} -eq 0 ] || install "${browser[@]}" || echo "No browser could be installed; its test is skipped." >&2
# Nor does it at the next boot.
if [ -d /run/systemd/system ] && [ ${#services[@]} -gt 0 ]; then
    "${as_root[@]}" systemctl disable --now --quiet "${services[@]}" || true
fi
bring_frames
