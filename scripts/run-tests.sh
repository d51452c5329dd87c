#!/usr/bin/env bash
# Runs every test of the workspace; with cargo-nextest where it is installed.
set -euo pipefail

if cargo nextest --version >/dev/null 2>&1; then
    cargo test --quiet --workspace --doc
    # Last, so that its summary closes the output.
    cargo nextest run --workspace "$@"
else
    cargo test --workspace "$@"
fi
