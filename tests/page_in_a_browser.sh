#!/usr/bin/env bash
# Opens the page of examples/microgpt_inspect in headless Chromium, without a network, and fails on any error in its console.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cargo run --quiet --example microgpt_inspect -- --html "$folder/page.html"
browser=(chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking
    --disable-component-update --disable-sync --no-first-run --host-resolver-rules='MAP * ~NOTFOUND'
    --user-data-dir="$folder/profile" --enable-logging=stderr --virtual-time-budget=5000)
"${browser[@]}" --dump-dom "file://$folder/page.html" >"$folder/dom" 2>"$folder/log"
if grep 'CONSOLE' "$folder/log"; then
    echo "the page's console is not empty" >&2
    exit 1
fi
grep -q 'data-drawn="whole"' "$folder/dom" || { echo "the page was not drawn to its end" >&2; cat "$folder/log" >&2; exit 1; }
echo "the page was drawn to its end, without an error"
