#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks that clang-format would change nothing; `./dev fmt` makes it so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

mapfile -t files < <(find lib middleware backends apps tests -name '*.[ch]')
clang-format --dry-run -Werror "${files[@]}"
echo "${#files[@]} files are formatted"
