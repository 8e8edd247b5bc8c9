#!/bin/sh
# Installs the configuration unless there is one: install_config.sh FILE DIRECTORY
set -eu
case $2 in
/*) directory=${DESTDIR:-}$2 ;;
*) directory=$MESON_INSTALL_DESTDIR_PREFIX/$2 ;;
esac
target=$directory/batond/batond.conf
[ -e "$target" ] || {
	mkdir -p "$directory/batond"
	install -m 644 "$1" "$target"
}
