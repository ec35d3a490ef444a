#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Shows that `./dev run`, `./dev run --apache`, `./dev run --backend URL` with each kind of server, and `./dev test` do on a Debian 12 that
# has never seen the project, and that they leave its services alone. By hand and as root: it makes that Debian by debootstrap, from the
# mirror this machine uses and with its apt settings and certificates, in a temporary folder, and removes it at the end.
# usage: fresh_machine.sh [run | apache | backends | test]…   all of them when none is named
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

port=8099
root=$(mktemp -d)
machine=(chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin)
dev_pid='' server_pids=()

say() { printf '== %s\n' "$*"; }
die() { say "FAILED: $*"; exit 1; }

inside()
{
	"${machine[@]}" bash -c "cd /weir && $1"
}

stop_dev()
{
	[ -z "$dev_pid" ] || kill -TERM "$dev_pid" 2>/dev/null || true
	[ -z "$dev_pid" ] || wait "$dev_pid" || true
	dev_pid=''
}

stop_servers()
{
	local pid
	for pid in "${server_pids[@]}"; do
		kill -TERM "$pid" 2>/dev/null || true
		wait "$pid" || true
	done
	server_pids=()
}

leave()
{
	stop_dev
	stop_servers
	umount "$root/dev/shm" "$root/dev" "$root/proc" "$root" 2>/dev/null || true
	mountpoint -q "$root" || rm -rf --one-file-system "$root"
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
	[ ! -d /usr/local/share/ca-certificates ] || cp -rL /usr/local/share/ca-certificates "$root/usr/local/share/"
	cp /etc/resolv.conf /etc/hosts "$root/etc/"
	mount --bind "$root" "$root"   # a test makes a file system of its own, for which / has to be one
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
	"${machine[@]}" /weir/dev run --port "$port" "$@" &
	dev_pid=$!
	for ((tries = 0; tries < 600; tries++)); do
		! fetch >"$answers/1" || break
		kill -0 "$dev_pid" 2>/dev/null || die "./dev run ended"
		sleep 1
	done
	sleep 1   # what goes to a server is stored after the answer
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

# Where the tests' own servers are: variables in a file of the machine.
find_servers()
{
	inside 'say() { printf "%s\n" "$*"; }; die() { say "$*"; exit 1; }
		source tests/support/packages.sh && source tests/support/servers.sh &&
		need_redis && need_memcached && need_dynalite && export -p | grep WEIR_ >/tmp/servers' || die "no servers"
}

# serve PORT COMMAND: a server in the machine, until stop_servers.
serve()
{
	local tries
	"${machine[@]}" bash -c "cd /tmp && source /tmp/servers && exec $2" >"$root/tmp/server-$1.log" 2>&1 &
	server_pids+=($!)
	for ((tries = 0; tries < 100; tries++)); do
		! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null || return 0
		sleep 0.1
	done
	die "$2 does not listen: $(tail -n 5 "$root/tmp/server-$1.log")"
}

# node_is_up PORT: it knows of a node for each slot.
node_is_up()
{
	inside "source /tmp/servers && \"\$WEIR_REDIS_CLI\" -p $1 cluster info" | grep -q cluster_state:ok
}

# serve_cluster PORT: six nodes, on the ports behind it.
serve_cluster()
{
	local nodes=() number node tries options="--bind 127.0.0.1 --save '' --cluster-enabled yes"
	for number in 1 2 3 4 5 6; do
		node=$(($1 + number))
		serve "$node" "\"\$WEIR_REDIS_SERVER\" $options --port $node --cluster-config-file $node.conf"
		nodes+=("127.0.0.1:$node")
	done
	inside "source /tmp/servers && \"\$WEIR_REDIS_CLI\" --cluster create ${nodes[*]} --cluster-replicas 1 --cluster-yes" >/dev/null ||
		die "no cluster"
	for node in "${nodes[@]#*:}"; do
		for ((tries = 0; tries < 300; tries++)); do
			! node_is_up "$node" || break
			sleep 0.1
		done
		[ "$tries" -lt 300 ] || die "node $node of the cluster does not come up"
	done
}

check_backends()
{
	local redis=$((port + 1)) memcached=$((port + 2)) dynamodb=$((port + 3)) cluster=$((port + 10))
	local machine=("${machine[@]}" AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test)
	find_servers
	serve "$redis" "\"\$WEIR_REDIS_SERVER\" --bind 127.0.0.1 --port $redis --save ''"
	check_run --backend "redis://127.0.0.1:$redis"
	serve "$memcached" "\"\$WEIR_MEMCACHED\" -l 127.0.0.1 -p $memcached -u root"
	check_run --backend "memcached://127.0.0.1:$memcached"
	serve "$dynamodb" "node \"\$WEIR_DYNALITE\" --host 127.0.0.1 --port $dynamodb"
	check_run --backend "dynamodb://weir?region=eu-west-1&create=true&endpoint=http://127.0.0.1:$dynamodb"
	serve_cluster "$cluster"
	check_run --backend "redis+cluster://127.0.0.1:$((cluster + 1)),127.0.0.1:$((cluster + 2))"
	stop_servers
}

[ "$(id -u)" -eq 0 ] || die "needs root"
[ "$#" -gt 0 ] || set -- run apache backends test
trap leave EXIT
trap 'exit 1' INT TERM
make_machine
services >"$root/services-before"
for what in "$@"; do
	case $what in
	run) check_run ;;
	apache) check_run --apache ;;
	backends) check_backends ;;
	test) inside "CI=true ./dev test" || die "./dev test" ;;   # where nothing is skipped
	*) die "$what: not one of run, apache, backends, test" ;;
	esac
done
services | diff "$root/services-before" - || die "services have changed"
say "no service was added or changed"
