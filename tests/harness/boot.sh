#!/bin/sh
# Boots the Debian in ROOT with its own systemd, in namespaces of its own, until it powers
# itself off: boot.sh ROOT. Root only. Everything that it mounts goes with the namespace.
set -eu
root=$1
if [ "${2:-}" != inside ]; then
	groups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	[ -n "$groups" ] || { echo "no cgroup2 is mounted" >&2; exit 1; }
	group=$groups/baton-test-$$
	mkdir "$group"
	trap 'find "$group" -depth -type d -exec rmdir {} +' EXIT
	# shellcheck disable=SC2016
	sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' sh "$group" \
		unshare --fork --kill-child --pid --mount --uts --ipc --net --cgroup \
		--propagation private sh "$0" "$root" inside
	exit
fi

mount --bind "$root" "$root"
cd "$root"
mkdir -p old
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for folder in run tmp dev; do
	mount -t tmpfs tmpfs "$folder"
done
while read -r name major minor; do
	mknod -m 666 "dev/$name" c "$major" "$minor"
done <<'DEVICES'
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
DEVICES
ln -s /proc/self/fd dev/fd
mkdir dev/pts dev/shm dev/mqueue dev/hugepages
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
pivot_root . old
umount -l /old
exec env -i container=baton PATH=/usr/sbin:/usr/bin:/sbin:/bin \
	/lib/systemd/systemd --system --log-target=console --show-status=false </dev/null
