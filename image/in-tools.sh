#!/bin/bash
# Runs a command among the tools (image/tools.sh); it replaces this process, so that its pid is the command's.
# shellcheck source=image/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

require_root
"$repository/image/tools.sh"
cd /
replace="exec"
in_tools "$@"
