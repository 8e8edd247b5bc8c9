#!/bin/sh
# Everything a person runs. `./build.sh help` lists the commands.
set -eu
cd "$(dirname "$0")"

build_packages="gcc libc6-dev meson ninja-build pkg-config libuv1-dev libmsgpack-dev libzstd-dev
	libxxhash-dev libsqlite3-dev libssl-dev libcjose-dev libjansson-dev
	libcurl4-openssl-dev libmicrohttpd-dev zlib1g-dev"
test_packages="buildbot buildbot-worker debhelper dpkg-dev fish git iproute2
	libcmocka-dev man-db mmdebstrap mount openssl rsync strace valgrind
	python3 python3-cryptography python3-jsonschema python3-msgpack
	python3-xxhash python3-yaml python3-zstandard zsh e2fsprogs libfuse3-dev
	fuse3 xfsprogs"
bench_packages="libcmocka-dev mount e2fsprogs iproute2 curl openssl python3 zstd rsync restic
	borgbackup casync ostree xxhash"
# libFuzzer comes with clang's run-time libraries.
fuzz_packages="clang libclang-rt-14-dev libcmocka-dev python3 python3-msgpack"
curve_packages="gnuplot-nox libcmocka-dev python3 python3-msgpack python3-xxhash python3-zstandard"

usage() {
	cat <<'END'
usage: ./build.sh [COMMAND] [ARGUMENT...]

  build          (default) builds build/client/baton and build/daemon/batond
  demo           builds, then runs a small workflow with a daemon of its own: a job fails,
                 the workflow is retried, and what was built once is what is deployed
  test           builds, runs every test, ends with `N passed, N failed`
  asan           the same with AddressSanitizer and UndefinedBehaviorSanitizer
  tsan           the same with ThreadSanitizer
  damage [N [SEED]]
                 damages N stores (default 2000), each in one way, and prints how each ended
                 (tests/damage/README.md)
  fuzz SECONDS [TARGET...]
                 gives every decoder, or those that are named, what libFuzzer makes up for so
                 long in all, and prints executions and coverage (tests/fuzz/README.md)
  torture [ROUNDS [CUTS]]
                 the fault tests with every call, ROUNDS of kill -9 (10000) and CUTS of the power
                 for each file system (200); hours (tests/fault/README.md)
  sabotage [NAME...]
                 plants bugs, one after the other, and prints which test catches each
                 (tests/sabotage/README.md)
  bench [TREE [CHANGED_TREE]]
                 runs Baton beside the tools that people use instead (tests/bench/README.md)
  curves         measures how times and memory grow with files, bytes, layers and clients
                 (20 minutes; tests/bench/CURVES.md)
  format         formats the sources (format --check only tells)
  tidy           runs clang-tidy
  install        installs; PREFIX (default /usr/local) and DESTDIR are honoured
  static         builds build-static/client/baton, which runs in any Linux container
  deb [DIR]      makes the Debian packages baton and batond (and libbaton's) in build-deb/
  help           this text

CC chooses the compiler (gcc or clang). Missing Debian packages are installed first,
through sudo when not root; BATON_NO_INSTALL=1 forbids that.
END
}

# Installs those of the packages that are missing.
need() {
	missing=
	for package in "$@"; do
		case "$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null)" in
		*' installed') ;;
		*) missing="$missing $package" ;;
		esac
	done
	[ -n "$missing" ] || return 0
	if [ -n "${BATON_NO_INSTALL:-}" ]; then
		echo "build.sh: these Debian packages are missing:$missing" >&2
		exit 1
	fi
	as_root=
	if [ "$(id -u)" != 0 ]; then
		as_root=sudo
		command -v sudo >/dev/null || {
			echo "build.sh: these packages are missing and need root to install:$missing" >&2
			exit 1
		}
	fi
	echo "build.sh: installing$missing" >&2
	install="env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends"
	# shellcheck disable=SC2086
	$as_root $install $missing >/tmp/build.sh.$$ 2>&1 ||
		{ $as_root apt-get update -q && $as_root $install $missing; } >/tmp/build.sh.$$ 2>&1 || {
		cat /tmp/build.sh.$$ >&2
		rm -f /tmp/build.sh.$$
		exit 1
	}
	rm -f /tmp/build.sh.$$
}

# build_in DIR [MESON OPTION...]: compiles what `build_target` says, or all; configures first
# where DIR is new or options are given: DIR may have others, or be from before a library that
# they need was there.
build_target=
build_in() {
	directory=$1
	shift
	configured=
	[ ! -f "$directory/build.ninja" ] || configured=yes
	if [ -z "$configured" ] || [ $# -gt 0 ]; then
		meson setup ${configured:+--reconfigure} "$directory" "$@" >"$directory.log" 2>&1 || {
			cat "$directory.log" >&2
			[ "$configured" ] || rm -rf "$directory"
			rm -f "$directory.log"
			exit 1
		}
		rm -f "$directory.log"
	fi
	# shellcheck disable=SC2086
	ninja --quiet -C "$directory" $build_target
}

build() {
	# shellcheck disable=SC2086
	need $build_packages
	[ "${CC:-gcc}" != clang ] || need clang
	build_in build "$@"
}

# sanitized NAME OPTION: tests in a build of their own.
sanitized() {
	# shellcheck disable=SC2086
	need $build_packages $test_packages
	[ "${CC:-gcc}" != clang ] || need clang libclang-rt-14-dev
	build_in "build-$1" -Dtests=enabled -Dbuildtype=debugoptimized -Db_sanitize="$2" \
		-Db_lundef=false
	shift 2
	exec tests/run "$directory" "$@"
}

# deb DIR: the packages, in DIR. Debian's tools write among the sources and beside them, so that
# they get a copy there; what they compiled is kept for the next time.
deb() {
	copy=$1/baton
	mkdir -p "$copy"
	find "$copy" -mindepth 1 -maxdepth 1 -name 'obj-*' ! -newer debian/rules -exec rm -r {} +
	find "$copy" -mindepth 1 -maxdepth 1 ! -name 'obj-*' -exec rm -r {} +
	tar -c CHANGELOG.md LICENSE client daemon debian meson.build meson_options.txt proto |
		tar -x -C "$copy"
	(cd "$copy" && dpkg-buildpackage --build=binary --no-pre-clean --no-sign \
		--no-check-builddeps --jobs=auto) >"$1/log" 2>&1 || {
		cat "$1/log" >&2
		exit 1
	}
	sed -n "s|\.deb .*|.deb|; s|^|$1/|p" "$copy/debian/files"
}

sources() {
	find proto client daemon tests -name '*.[ch]' | sort
}

command=${1:-build}
[ $# -eq 0 ] || shift
case "$command" in
build)
	build "$@"
	;;
demo)
	build
	exec examples/demo.sh build "$@"
	;;
test)
	# shellcheck disable=SC2086
	need $build_packages $test_packages
	build -Dtests=enabled
	exec tests/run build "$@"
	;;
asan)
	ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1}
	UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
	export ASAN_OPTIONS UBSAN_OPTIONS
	sanitized asan address,undefined "$@"
	;;
tsan)
	TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}
	export TSAN_OPTIONS
	sanitized tsan thread "$@"
	;;
damage)
	# shellcheck disable=SC2086
	need $build_packages $test_packages
	build -Dtests=enabled
	exec tests/damage/run build "$@"
	;;
fuzz)
	[ $# -gt 0 ] || {
		echo "build.sh: fuzz needs to know for how many seconds" >&2
		exit 2
	}
	# shellcheck disable=SC2086
	need $build_packages $fuzz_packages
	CC=${CC:-clang}
	export CC
	build_target=fuzz_targets
	build_in build-fuzz -Dtests=enabled -Dfuzz=true -Dbuildtype=debugoptimized \
		-Db_sanitize=address,undefined -Db_lundef=false
	exec tests/fuzz/run build-fuzz "$@"
	;;
torture)
	# shellcheck disable=SC2086
	need $build_packages $test_packages
	build -Dtests=enabled
	exec tests/fault/torture build "$@"
	;;
sabotage)
	# shellcheck disable=SC2086
	need $build_packages $test_packages
	build_in build-sabotage -Dtests=enabled -Dwerror=false -Dsabotage=
	exec tests/sabotage/run build-sabotage "$@"
	;;
bench)
	# shellcheck disable=SC2086
	need $build_packages $bench_packages
	build
	exec tests/bench/run build "$@"
	;;
curves)
	# shellcheck disable=SC2086
	need $build_packages $curve_packages
	build -Dtests=enabled
	exec tests/bench/curves build "$@"
	;;
format)
	need clang-format
	if [ "${1:-}" = --check ]; then
		sources | xargs clang-format --dry-run --Werror
	else
		sources | xargs clang-format -i
	fi
	;;
tidy)
	need clang-tidy
	build
	sources | grep '\.c$' | grep -v '^tests/' | xargs -P "$(nproc)" -n 8 clang-tidy --quiet -p build
	;;
install)
	# shellcheck disable=SC2086
	need $build_packages
	build_in build-install -Dtests=disabled --prefix "${PREFIX:-/usr/local}"
	meson install -C build-install --quiet
	;;
static)
	# shellcheck disable=SC2086
	need $build_packages
	build_in build-static -Dstatic=true -Doptimization=s -Db_pie=false
	;;
deb)
	# shellcheck disable=SC2086
	need $build_packages debhelper dpkg-dev
	deb "${1:-build-deb}"
	;;
help | -h | --help)
	usage
	;;
*)
	echo "build.sh: no such command: $command" >&2
	usage >&2
	exit 2
	;;
esac
