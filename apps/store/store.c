/* SPDX-License-Identifier: Apache-2.0
 *
 * Looks into a store of the cache driver shm: while others use it: how full it is, what lies in it, and whether it is in order. It takes
 * <weir/backend_shm.h> and nothing else of weir.
 *
 *     store stats /dev/shm/weir-NAME.weir1
 *     store list  FILE [PREFIX]     a line for each item: bytes of the value, seconds to live, reads (3: three or more), key
 *     store check FILE              exit status 1 when something is wrong
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/backend_shm.h>

#define SUFFIX ".weir1"

enum {
	EXIT_USAGE = 2
};

static int64_t now_ms(void)
{
	return weir_clock_wall_ms(weir_clock_system());
}

static int print_stats(struct weir_shm *shm, const char *prefix)
{
	struct weir_shm_stats stats;

	(void)prefix;
	weir_shm_stats(shm, &stats);
	printf("size %" PRIu64 "\nused_bytes %" PRIu64 "\nlive_bytes %" PRIu64 "\nitems %" PRIu64 "\n", stats.size, stats.used_bytes,
	       stats.live_bytes, stats.items);
	printf("hits %" PRIu64 "\nmisses %" PRIu64 "\nsets %" PRIu64 "\nevictions %" PRIu64 "\nexpirations %" PRIu64 "\n", stats.hits,
	       stats.misses, stats.sets, stats.evictions, stats.expirations);
	printf("inserted_bytes %" PRIu64 "\ncopied_bytes %" PRIu64 "\nshards %" PRIu64 "\nresets %" PRIu64 "\n", stats.inserted_bytes,
	       stats.copied_bytes, stats.shards, stats.resets);
	return EXIT_SUCCESS;
}

/* Keys are bytes: what is no visible character is printed as \xNN. */
static void print_key(struct weir_slice key)
{
	for (size_t i = 0; i < key.len; i++) {
		unsigned char c = (unsigned char)key.data[i];

		if (c > ' ' && c < 0x7f && c != '\\')
			putchar(c);
		else
			printf("\\x%02x", c);
	}
	putchar('\n');
}

static bool print_item(void *state, const struct weir_shm_seen *seen)
{
	const int64_t *now = state;

	printf("%zu ", seen->item.value.len);
	if (seen->item.expires_ms == WEIR_SHM_NEVER)
		printf("never ");
	else
		printf("%" PRId64 " ", (seen->item.expires_ms - *now + 999) / 1000);
	printf("%u ", seen->hits);
	print_key(seen->item.key);
	return !ferror(stdout);
}

static int list(struct weir_shm *shm, const char *prefix)
{
	int64_t now = now_ms();

	if (weir_shm_walk(shm, weir_slice_text(prefix ? prefix : ""), now, print_item, &now) == WEIR_OK)
		return EXIT_SUCCESS;
	fprintf(stderr, "store: out of memory\n");
	return EXIT_FAILURE;
}

static void print_fault(void *state, const char *fault)
{
	(void)state;
	printf("%s\n", fault);
}

static int check(struct weir_shm *shm, const char *prefix)
{
	size_t faults = weir_shm_check(shm, print_fault, NULL);

	(void)prefix;
	printf("%zu faults\n", faults);
	return faults == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static const struct command {
	const char *name;
	int arguments_max;
	int (*run)(struct weir_shm *shm, const char *prefix);
} commands[] = {
	{ "stats", 1, print_stats },
	{ "list", 2, list },
	{ "check", 1, check },
};

static const struct command *find_command(int argc, char **argv)
{
	for (size_t i = 0; argc >= 3 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, argv[1]) == 0 && argc - 2 <= commands[i].arguments_max)
			return &commands[i];
	return NULL;
}

static struct weir_shm *open_existing(const char *file)
{
	size_t len = strlen(file);
	struct weir_shm_options options = { .only_existing = true };
	struct weir_shm *shm = NULL;
	char why[512], *path;

	if (len <= strlen(SUFFIX) || strcmp(file + len - strlen(SUFFIX), SUFFIX) != 0) {
		fprintf(stderr, "store: %s: the name of a store ends with " SUFFIX "\n", file);
		return NULL;
	}
	path = strndup(file, len - strlen(SUFFIX));
	options.path = path;
	if (!path || weir_shm_open(&options, why, sizeof(why), &shm) != WEIR_OK)
		fprintf(stderr, "store: %s\n", path ? why : "out of memory");
	free(path);
	return shm;
}

int main(int argc, char **argv)
{
	const struct command *command = find_command(argc, argv);
	struct weir_shm *shm;
	int status;

	if (!command) {
		fprintf(stderr, "Usage: store stats FILE | store list FILE [PREFIX] | store check FILE\n");
		return EXIT_USAGE;
	}
	shm = open_existing(argv[2]);
	if (!shm)
		return EXIT_FAILURE;
	status = command->run(shm, argv[3]);
	weir_shm_close(shm);
	return fflush(stdout) == 0 ? status : EXIT_FAILURE;
}
