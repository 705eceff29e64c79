#!/usr/bin/env bash
# Looks at the built book in Debian's Chromium: every page wide and narrow, light and dark, with
# the network off.  Needs `apt-get install chromium nodejs npm`, and Java for the HTML checker.
#
#     .book/browser/check.sh          # every page
#     .book/browser/check.sh 2.3      # pages whose address holds this
#
# Screenshots and a printed page are left in artifacts/book/.screenshots: look at them.
set -euo pipefail
cd "$(dirname "$0")"
test -d node_modules || npm install --no-audit --no-fund --no-package-lock --silent
book=$(realpath ../../artifacts/book)
if command -v java > /dev/null; then
  find "$book" -name "*.html" -not -path "*/.*" -path "*${1:-}*" -print0 \
    | xargs -0 java -jar node_modules/vnu-jar/build/dist/vnu.jar --errors-only
  echo "vnu: no errors"
fi
CHROMIUM=$(command -v chromium) node check.mjs "$book" "${1:-}"
