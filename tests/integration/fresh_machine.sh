#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Shows that `./dev run`, `./dev run --apache` and `./dev test` do on a Debian 12 that has never seen the project, and that they leave its
# services alone. By hand and as root: it makes that Debian by debootstrap, from the mirror this machine uses and with its apt settings, in
# a temporary folder, and removes it at the end.
# usage: fresh_machine.sh [run | apache | test]…   all three when none is named
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

port=8099
root=$(mktemp -d)
dev_pid=''

say() { printf '== %s\n' "$*"; }
die() { say "FAILED: $*"; exit 1; }

inside()
{
	chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin bash -c "cd /weir && $1"
}

stop_dev()
{
	[ -z "$dev_pid" ] || kill -TERM "$dev_pid" 2>/dev/null || true
	[ -z "$dev_pid" ] || wait "$dev_pid" || true
	dev_pid=''
}

leave()
{
	stop_dev
	umount "$root/dev/shm" "$root/dev" "$root/proc" 2>/dev/null || true
	mountpoint -q "$root/proc" || mountpoint -q "$root/dev" || rm -rf --one-file-system "$root"
}

mirror()
{
	apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' | awk '$2 == "bookworm" && $3 == "main" { print $1; exit }'
}

make_machine()
{
	say "debootstrap"
	chmod 755 "$root"   # it becomes /, which others than root have to enter
	debootstrap --variant=minbase bookworm "$root" "$(mirror)" >"$root.log" 2>&1 || { tail "$root.log"; die debootstrap; }
	rm -f "$root.log"
	apt-config --no-empty dump Acquire | grep -v IndexTargets >"$root/etc/apt/apt.conf.d/90host"   # proxy, certificates and the like
	[ ! -d /etc/ssl/certs ] || cp -rL /etc/ssl/certs "$root/etc/ssl/"
	cp /etc/resolv.conf /etc/hosts "$root/etc/"
	mount -t proc proc "$root/proc"
	mount --bind /dev "$root/dev"
	mount -t tmpfs tmpfs "$root/dev/shm"   # where stores lie; this machine's own did not come along
	mkdir "$root/weir"
	tar -c --exclude=./build --exclude=./.git . | tar -x -C "$root/weir"
}

# Everything that makes a service: units, init scripts, what is enabled, and the configuration of servers.
services()
{
	(cd "$root" && { find etc/systemd etc/init.d etc/rc?.d lib/systemd/system etc/nginx etc/apache2 2>/dev/null || true; } | sort)
}

# field NAME FILE: a field of an answer that curl wrote with its head.
field()
{
	sed -n "s/^$1: *//Ip" "$2" | tr -d '\r'
}

fetch()
{
	curl -si --max-time 10 "$@" "http://127.0.0.1:$port/cached_put"
}

# expect WHAT WANTED GOT
expect()
{
	[ "$2" = "$3" ] || die "$1: '$3' and not '$2'"
	say "$1: $3"
}

check_run()
{
	local answers tries
	answers=$root/tmp/answers
	mkdir -p "$answers"
	say "./dev run $*"
	chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin /weir/dev run --port "$port" "$@" &
	dev_pid=$!
	for ((tries = 0; tries < 600; tries++)); do
		! fetch >"$answers/1" || break
		kill -0 "$dev_pid" 2>/dev/null || die "./dev run ended"
		sleep 1
	done
	fetch >"$answers/2"
	fetch -H "If-None-Match: $(field etag "$answers/1")" >"$answers/3"
	expect "first answer" MISS "$(field x-weir-cache "$answers/1")"
	expect "second answer" HIT "$(field x-weir-cache "$answers/2")"
	[ -n "$(field etag "$answers/1")" ] || die "no ETag"
	expect "its ETag" "$(field etag "$answers/1")" "$(field etag "$answers/2")"
	expect "with If-None-Match" 304 "$(awk 'NR == 1 { print $2 }' "$answers/3")"
	expect "its body" "" "$(sed '1,/^\r$/d' "$answers/3")"
	stop_dev
	! fetch >/dev/null || die "still answers after SIGTERM"
}

[ "$(id -u)" -eq 0 ] || die "needs root"
[ "$#" -gt 0 ] || set -- run apache test
trap leave EXIT
trap 'exit 1' INT TERM
make_machine
services >"$root/services-before"
for what in "$@"; do
	case $what in
	run) check_run ;;
	apache) check_run --apache ;;
	test) inside "./dev test" || die "./dev test" ;;
	*) die "$what: not one of run, apache, test" ;;
	esac
done
services | diff "$root/services-before" - || die "services have changed"
say "no service was added or changed"
