#!/bin/sh
# A workflow of four jobs, run for real, in a temporary folder with a daemon of its own.
#
#     build ──┬── test ──── deploy        `test` fails the first time. The workflow is
#             └── lint ──┘                retried: what `build` made is there already.
#
# usage: examples/demo.sh BUILD   (the folder that meson built in)
set -eu
build=$(cd "${1:?usage: examples/demo.sh BUILD}" && pwd)
project=$(cd "$(dirname "$0")/.." && pwd)
baton=$build/client/baton
batond=$build/daemon/batond
scratch=$(mktemp -d)
daemon=

finish() {
	status=$?
	trap - EXIT INT TERM
	if [ -n "$daemon" ]; then
		kill "$daemon" 2>/dev/null || :
		wait "$daemon" 2>/dev/null || :
	fi
	rm -rf "$scratch"
	exit $status
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$(printf '\033[1m') dim=$(printf '\033[2m') red=$(printf '\033[31m')
	green=$(printf '\033[32m') plain=$(printf '\033[0m')
else
	bold='' dim='' red='' green='' plain=''
fi

step() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
say() { printf '  %s\n' "$*"; }
shown() {
	printf '  %s$ %s%s\n' "$dim" "$*" "$plain"
}
# Runs a baton command, showing it and what it says.
run() {
	shown "baton $*"
	said=$(mktemp "$scratch/said.XXXXXX")
	status=0
	"$baton" "$@" >"$said" 2>&1 || status=$?
	sed 's/^/    /' "$said"
	return $status
}

# A job starts in an empty folder, as on another machine.
enter() {
	job_folder=$scratch/machines/$BATON_WORKFLOW-$1
	mkdir -p "$job_folder"
	cd "$job_folder"
	export BATON_JOB="$1"
}

# ---- the daemon ------------------------------------------------------------------------

mkdir "$scratch/run"
chmod 700 "$scratch/run"
export BATON_SERVER="unix:$scratch/run/batond.sock"
export XDG_CACHE_HOME="$scratch/cache"
unset BATON_NAMESPACE BATON_RUN BATON_SHARD BATON_MATRIX BATON_ATTEMPT BATON_EXECUTION \
	BATON_NEEDS BATON_RETRY_OF 2>/dev/null || :

step "A daemon keeps the workspaces (its store is in a temporary folder)"
shown "batond --data … --listen $BATON_SERVER"
"$batond" --data "$scratch/store" --listen "$BATON_SERVER" 2>"$scratch/log" &
daemon=$!
tries=0
until "$baton" status --quiet >/dev/null 2>&1; do
	tries=$((tries + 1))
	kill -0 "$daemon" 2>/dev/null && [ "$tries" -lt 1000 ] || {
		cat "$scratch/log" >&2
		exit 1
	}
done
say "ready"

# ---- the first run ---------------------------------------------------------------------

export BATON_WORKFLOW=pipeline-1
step "Workflow pipeline-1, job build: compiles this project and persists the result"
enter build
meson setup out "$project" -Dtests=disabled -Dbuildtype=debug >"$scratch/meson.log" 2>&1 ||
	{ cat "$scratch/meson.log" >&2; exit 1; }
ninja -C out client/baton >"$scratch/ninja.log" 2>&1 ||
	{ cat "$scratch/ninja.log" >&2; exit 1; }
cp -R "$project/proto" ./headers
built=$(sha256sum <out/client/baton)
say "built out/client/baton, sha256 ${built%% *}"
run persist out headers

step "Jobs test and lint attach what build made, side by side, each on its own machine"
(
	enter lint
	export BATON_NEEDS=build
	run attach workspace
	files=$(find workspace/headers -name '*.h' | wc -l)
	mkdir -p reports
	echo "$files headers, no complaints" >reports/lint.txt
	run persist reports
	say "${green}lint passed${plain}"
) >"$scratch/lint.out" 2>&1 &
lint=$!
test_failed=0
(
	enter test
	export BATON_NEEDS=build
	run attach workspace || exit 2
	workspace/out/client/baton version | sed 's/^/    /'
	say "${red}test failed: the network was down (as it happens)${plain}"
	exit 1
) >"$scratch/test.out" 2>&1 || test_failed=$?
wait "$lint"
say "— lint —"
cat "$scratch/lint.out"
say "— test —"
cat "$scratch/test.out"
[ "$test_failed" = 1 ]

# ---- the retry -------------------------------------------------------------------------

export BATON_WORKFLOW=pipeline-2 BATON_RETRY_OF=pipeline-1
step "The workflow is retried as pipeline-2 (--retry-of pipeline-1): only what failed runs"
say "build and lint do not run again: their layers are inherited, no byte is copied"
(
	enter test
	export BATON_NEEDS=build
	run attach workspace
	workspace/out/client/baton version | sed 's/^/    /'
	mkdir -p reports
	echo "all is well" >reports/test.txt
	run persist reports
	say "${green}test passed${plain}"
)

step "Job deploy needs test and lint, and through them what build made"
enter deploy
export BATON_NEEDS=test,lint
run attach workspace
deployed=$(sha256sum <workspace/out/client/baton)
say "deploying workspace/out/client/baton, sha256 ${deployed%% *}"
if [ "$built" != "$deployed" ]; then
	say "${red}that is not what was built${plain}"
	exit 1
fi
workspace/out/client/baton version | sed 's/^/    /'
say "${green}exactly the bytes that were built, once, in pipeline-1${plain}"

step "What the daemon knows about it"
run log --all
run ls 'reports/*'
step "Done: the daemon stops, the temporary folder goes"
