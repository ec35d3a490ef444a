# SPDX-License-Identifier: Apache-2.0
#
# Sourced by ./dev: the Debian packages that the project needs, and how they get onto the machine without changing anything else there.
#
# Only packages without a service of their own are installed. Programs that come with one (nginx) or that would enable themselves in a
# server which is already there (mod_fcgid) are fetched and unpacked below build/: see servers.sh. Where there is no apt-get, nothing is
# installed and meson says what is missing.

packages_build=(gcc libc6-dev libcurl4-openssl-dev libfcgi-dev libhiredis-dev libjson-c-dev libmd-dev libmemcached-dev libpng-dev
	libuv1-dev libxxhash-dev libzstd-dev meson ninja-build pkg-config)
packages_apache=(apache2-bin)
packages_test=(curl libcmocka-dev python3 spawn-fcgi)
packages_clang=(clang libclang-rt-dev)
packages_lint=(clang clang-format clang-tidy libcmocka-dev python3)
packages_memcached=(libevent-2.1-7 libsasl2-2)
packages_node=(nodejs)
packages_npm=(ca-certificates npm)
packages_redis=(redis-tools)
packages_peers=(liblmdb-dev)   # clients that programs of tests/bench are built with
packages_bench=(curl php-apcu php-cli python3 valgrind wrk)

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "needs root or sudo for: $*"
	fi
}

# Prints those of its arguments that are not installed.
missing_packages()
{
	local package
	for package in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
	done
}

# quiet COMMAND…: its output is shown only when it fails.
quiet()
{
	local log status=0
	log=$(mktemp)
	"$@" >"$log" 2>&1 </dev/null || status=$?
	[ "$status" -eq 0 ] || cat "$log" >&2
	rm -f "$log"
	return "$status"
}

apt_get()
{
	as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -q -y "$@"
}

# An update may fail for a source that has nothing to do with us: whether it mattered is seen by what comes after it.
apt_update_once()
{
	[ -z "${apt_updated:-}" ] || return 0
	apt_updated=yes
	apt_get update >/dev/null 2>&1 </dev/null || true
}

# need_packages NAME…: installs what is missing; asks no server when nothing is.
need_packages()
{
	local missing
	command -v apt-get >/dev/null || return 0
	mapfile -t missing < <(missing_packages "$@")
	[ "${#missing[@]}" -gt 0 ] || return 0
	say "installing ${missing[*]}"
	apt_update_once
	quiet apt_get install --no-install-recommends "${missing[@]}" || die "could not install ${missing[*]}"
}
