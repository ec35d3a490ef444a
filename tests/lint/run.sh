#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Every check of `./dev lint`, each in one line unless it finds something; `N passed, N failed` at the end.
# usage: run.sh BUILD-DIR (configured, for clang-tidy)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

passed=0 failed=0
check()
{
	local name=$1
	shift
	printf '%s: ' "$name"
	if (cd ../.. && "$@" 2>&1); then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
}

check format bash tests/lint/format.sh
check style python3 tests/lint/style.py
check layers python3 tests/lint/layers.py
check headers python3 tests/lint/headers.py
check tidy python3 tests/lint/tidy.py "$1"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
