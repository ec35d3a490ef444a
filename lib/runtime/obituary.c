/* SPDX-License-Identifier: Apache-2.0
 *
 * From a wait status and a slot of the scoreboard to words. The board may hold anything by now, so the router's routes are looked up on the
 * board and not the other way round.
 */
#include "runtime/obituary.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "exchange/router.h"

struct search {
	struct weir_obituary *obituary;
	const struct weir_scoreboard *board;
	size_t slot;
	const struct weir_route *crashed;
};

static const char *signal_name(int number)
{
	static const struct {
		int number;
		const char *name;
	} known[] = {
		{ SIGSEGV, "SIGSEGV" }, { SIGBUS, "SIGBUS" },   { SIGFPE, "SIGFPE" },   { SIGILL, "SIGILL" },   { SIGABRT, "SIGABRT" },
		{ SIGKILL, "SIGKILL" }, { SIGTERM, "SIGTERM" }, { SIGINT, "SIGINT" },   { SIGHUP, "SIGHUP" },   { SIGQUIT, "SIGQUIT" },
		{ SIGTRAP, "SIGTRAP" }, { SIGSYS, "SIGSYS" },   { SIGXCPU, "SIGXCPU" }, { SIGXFSZ, "SIGXFSZ" }, { SIGALRM, "SIGALRM" },
		{ SIGUSR1, "SIGUSR1" }, { SIGUSR2, "SIGUSR2" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].number == number)
			return known[i].name;
	return NULL;
}

static void write_cause(struct weir_obituary *obituary, int how)
{
	const char *name = WIFSIGNALED(how) ? signal_name(WTERMSIG(how)) : NULL;

	if (name)
		snprintf(obituary->cause, sizeof(obituary->cause), "was ended by %s", name);
	else if (WIFSIGNALED(how))
		snprintf(obituary->cause, sizeof(obituary->cause), "was ended by signal %d", WTERMSIG(how));
	else
		snprintf(obituary->cause, sizeof(obituary->cause), "ended with exit status %d", WEXITSTATUS(how));
}

/* Where it does not fit, the rest is left out. */
static void add_running(void *state, const struct weir_route *route)
{
	const struct search *search = state;
	struct weir_obituary *obituary = search->obituary;
	size_t count = weir_scoreboard_count(search->board, search->slot, route);
	size_t len = strlen(obituary->value);
	char number[32] = "";

	if (count == 0)
		return;
	if (count > 1)
		snprintf(number, sizeof(number), " (%zu)", count);
	if (len + strlen(route->path) + strlen(number) + sizeof(", ") <= sizeof(obituary->value))
		snprintf(obituary->value + len, sizeof(obituary->value) - len, "%s%s%s", len ? ", " : "", route->path, number);
}

static void find_crashed(void *state, const struct weir_route *route)
{
	const struct search *search = state;

	if (route == search->crashed)
		snprintf(search->obituary->value, sizeof(search->obituary->value), "%s", route->path);
}

void weir_obituary_write(struct weir_obituary *obituary, int how, const struct weir_scoreboard *board, size_t slot,
			 const struct weir_router *router)
{
	struct search search = { .obituary = obituary, .board = board, .slot = slot };
	bool crashed = weir_scoreboard_crashed(board, slot, &search.crashed);

	*obituary = (struct weir_obituary){ .name = crashed ? "route" : "running" };
	write_cause(obituary, how);
	weir_router_each(router, crashed ? find_crashed : add_running, &search);
	if (!obituary->value[0])
		snprintf(obituary->value, sizeof(obituary->value), "%s", crashed ? "none" : "nothing");
}
