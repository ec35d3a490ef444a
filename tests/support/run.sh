# SPDX-License-Identifier: Apache-2.0
#
# Sourced by ./dev: an app behind a private web server. Everything it writes is in one temporary folder, every process it starts is
# ended by its pid.

run_app=showcase run_server=nginx run_port=8080 run_backend=''
run_folder='' run_pids=()

parse_run_options()
{
	while [ "$#" -gt 0 ]; do
		case $1 in
		--apache) run_server=apache ;;
		--app | --backend | --port)
			[ "$#" -ge 2 ] && [ -n "$2" ] || misuse "run: $1 needs a value"
			printf -v "run_${1#--}" %s "$2"
			shift
			;;
		*) misuse "run: $1: not an option; there are --apache, --app NAME, --backend URL and --port N" ;;
		esac
		shift
	done
	[[ $run_app =~ ^[a-z]+$ ]] && [ -f "apps/$run_app/nginx.conf" ] || misuse "run: --app $run_app: there are hello, showcase and tiles"
	[[ $run_port =~ ^[1-9][0-9]{0,4}$ ]] && [ "$run_port" -le 65535 ] || misuse "run: --port $run_port: not a number from 1 to 65535"
}

answers()
{
	(exec 3<>"/dev/tcp/127.0.0.1/$run_port") 2>/dev/null
}

# wait_until WHAT TEST…: up to ten seconds, as long as everything that was started is alive.
wait_until()
{
	local what=$1 tries pid
	shift
	for ((tries = 0; tries < 100; tries++)); do
		! "$@" || return 0
		for pid in "${run_pids[@]}"; do
			kill -0 "$pid" 2>/dev/null || die "$what: ended at once; its messages are above"
		done
		sleep 0.1
	done
	die "$what: does not answer"
}

stop_run()
{
	trap - EXIT
	trap '' INT TERM
	local index
	for ((index = ${#run_pids[@]} - 1; index >= 0; index--)); do
		kill -TERM "${run_pids[index]}" 2>/dev/null || true
		wait "${run_pids[index]}" 2>/dev/null || true
	done
	rm -rf "$run_folder"
}

start_app()
{
	local program=$PWD/build/release/apps/$run_app/$run_app modules=$PWD/build/release/backends
	[ -x "$program" ] || die "$run_app was not built: meson has not found what it needs"
	(
		export WEIR_BACKENDS=$modules
		cd "$run_folder"
		[ -z "$run_backend" ] || export WEIR_CACHE_BACKEND=$run_backend
		exec "$program" --listen "unix:$run_app.sock" --socket-mode 0666
	) &
	run_pids+=($!)
	wait_until "$run_app" test -S "$run_folder/$run_app.sock"
}

# The configurations are those that are shipped beside the app; only the port is another one when asked for.
start_web_server()
{
	local config=$run_folder/$run_server.conf words
	sed "s/127\.0\.0\.1:8080/127.0.0.1:$run_port/" "apps/$run_app/$run_server.conf" >"$config"
	if [ "$run_server" = nginx ]; then
		words=("$WEIR_NGINX" -e stderr -p "$run_folder" -c "$config" -g 'daemon off;')
	else
		words=("$WEIR_APACHE" -D FOREGROUND -d "$run_folder" -f "$config")
	fi
	(cd "$run_folder" && exec "${words[@]}") &
	run_pids+=($!)
	wait_until "$run_server" answers
}

print_what_to_try()
{
	local url=http://127.0.0.1:$run_port
	printf '\n%s runs behind %s on %s\n\n' "$run_app" "$run_server" "$url"
	case $run_app in
	showcase)
		cat <<-END
		Try, twice:

		    curl -i $url/cached_put

		The first answer is a MISS, the second a HIT with the same ETag. With that ETag, a 304:

		    curl -i -H 'If-None-Match: "…"' $url/cached_put

		END
		;;
	tiles) printf 'Open it in a browser. Each tile says whether it was made or found, and how old it is.\n\n' ;;
	esac
	echo 'Ctrl-C stops everything.'
}

command_run()
{
	parse_run_options "$@"
	! answers || die "port $run_port of 127.0.0.1 is taken; choose another: ./dev run --port N"
	if [ "$run_server" = nginx ]; then need_nginx; else need_apache; fi
	build_release
	run_folder=$(mktemp -d)
	chmod 755 "$run_folder"
	trap stop_run EXIT
	trap 'exit 0' INT TERM
	start_app
	start_web_server
	print_what_to_try
	wait -n "${run_pids[@]}" || true
	die "a program ended by itself; its messages are above"
}
