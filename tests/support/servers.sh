# SPDX-License-Identifier: Apache-2.0
#
# Sourced by ./dev: the servers that tests, ./dev run and ./dev bench start for themselves, on loopback and in folders of their own.
#
# need_nginx exports WEIR_NGINX, need_apache WEIR_APACHE and WEIR_APACHE_MODULES (a folder), need_mod_fcgid WEIR_MOD_FCGID (a file),
# need_memcached WEIR_MEMCACHED, need_redis WEIR_REDIS_SERVER and WEIR_REDIS_CLI, need_dynalite WEIR_DYNALITE (a program for node). A
# variable that is already set is left alone. What is installed is used as it is; otherwise Debian's package is unpacked into
# build/servers, where no service manager and no other Apache knows of it.

servers_dir=build/servers

# unpack_package NAME FILE: FILE of Debian's package NAME is below build/servers afterwards.
unpack_package()
{
	local package=$1 file=$2 download
	[ ! -e "$servers_dir/$file" ] || return 0
	command -v apt-get >/dev/null || die "$package: not installed, and no apt-get to fetch it with"
	say "unpacking $package into $servers_dir"
	apt_update_once
	mkdir -p "$servers_dir"
	download=$(mktemp -d "$servers_dir/download.XXXXXX")
	(cd "$download" && quiet apt-get -q download "$package") || die "could not fetch $package"
	dpkg-deb -x "$download"/*.deb "$servers_dir"
	rm -rf "$download"
}

need_nginx()
{
	if [ -z "${WEIR_NGINX:-}" ]; then
		if ! WEIR_NGINX=$(PATH=$PATH:/usr/sbin command -v nginx); then
			unpack_package nginx usr/sbin/nginx
			WEIR_NGINX=$PWD/$servers_dir/usr/sbin/nginx
		fi
	fi
	export WEIR_NGINX
}

need_apache()
{
	need_packages "${packages_apache[@]}"
	: "${WEIR_APACHE:=/usr/sbin/apache2}" "${WEIR_APACHE_MODULES:=/usr/lib/apache2/modules}"
	export WEIR_APACHE WEIR_APACHE_MODULES
}

need_mod_fcgid()
{
	local module=usr/lib/apache2/modules/mod_fcgid.so
	if [ -z "${WEIR_MOD_FCGID:-}" ]; then
		WEIR_MOD_FCGID=/$module
		if [ ! -e "$WEIR_MOD_FCGID" ]; then
			unpack_package libapache2-mod-fcgid "$module"
			WEIR_MOD_FCGID=$PWD/$servers_dir/$module
		fi
	fi
	export WEIR_MOD_FCGID
}

need_memcached()
{
	if [ -z "${WEIR_MEMCACHED:-}" ] && ! WEIR_MEMCACHED=$(command -v memcached); then
		need_packages "${packages_memcached[@]}"
		unpack_package memcached usr/bin/memcached
		WEIR_MEMCACHED=$PWD/$servers_dir/usr/bin/memcached
	fi
	export WEIR_MEMCACHED
}

# The server is in redis-tools, under another name; all that redis-server adds is the service.
need_redis()
{
	if [ -z "${WEIR_REDIS_SERVER:-}" ] && ! WEIR_REDIS_SERVER=$(command -v redis-server); then
		need_packages "${packages_redis[@]}"
		mkdir -p "$servers_dir/usr/bin"
		WEIR_REDIS_SERVER=$PWD/$servers_dir/usr/bin/redis-server
		ln -sf "$(command -v redis-check-rdb)" "$WEIR_REDIS_SERVER"
	fi
	: "${WEIR_REDIS_CLI:=$(command -v redis-cli)}"
	export WEIR_REDIS_SERVER WEIR_REDIS_CLI
}

# Its package.json wants a newer node than Debian's, which runs it all the same.
need_dynalite()
{
	local folder=$servers_dir/dynalite
	if [ -z "${WEIR_DYNALITE:-}" ]; then
		WEIR_DYNALITE=$PWD/$folder/node_modules/dynalite/cli.js
		command -v node >/dev/null || need_packages "${packages_node[@]}"
		if ! cmp -s tests/support/dynalite/package-lock.json "$folder/package-lock.json" || [ ! -e "$WEIR_DYNALITE" ]; then
			command -v npm >/dev/null || need_packages "${packages_npm[@]}"
			say "installing dynalite into $folder"
			mkdir -p "$folder"
			cp tests/support/dynalite/package.json "$folder"
			cp tests/support/dynalite/package-lock.json "$folder/package-lock.json.new"
			(cd "$folder" && rm -rf node_modules && mv package-lock.json.new package-lock.json &&
				quiet npm ci --ignore-scripts --omit=dev --no-audit --no-fund) ||
				{ rm -f "$folder/package-lock.json"; die "could not install dynalite"; }
		fi
	fi
	export WEIR_DYNALITE
}
