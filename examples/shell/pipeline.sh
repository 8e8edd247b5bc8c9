#!/bin/sh
# Two jobs without any CI system, as functions of one script; they may as well be two
# scripts on two machines. BATON_SERVER says where the daemon is, BATON_WORKFLOW which run
# of the pipeline this is: the same id for all its jobs. Jobs that run side by side under one
# name need a BATON_SHARD each.
#
# usage: pipeline.sh build|test
set -eu
: "${BATON_WORKFLOW:?an id that all jobs of this run share}"

build() {
	export BATON_JOB=build
	make
	baton persist out
}

test_it() {
	export BATON_JOB=test BATON_NEEDS=build
	baton attach .
	status=0
	make test || status=$?
	# The results are kept although the tests failed, whose status stays.
	baton persist reports || { kept=$?; [ $status -ne 0 ] || return $kept; }
	return $status
}

case "${1:-}" in
build) build ;;
test) test_it ;;
*)
	echo "usage: pipeline.sh build|test" >&2
	exit 2
	;;
esac
