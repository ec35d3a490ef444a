/* SPDX-License-Identifier: Apache-2.0
 *
 * Files below $TMPDIR or /tmp, gone at the end of the test that made them.
 */
#include "support/scratch.h"

#include <dirent.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

void weir_scratch_init(struct weir_scratch *scratch)
{
	const char *above = getenv("TMPDIR");

	if (!above || strlen(above) > 40)
		above = "/tmp";
	(void)snprintf(scratch->folder, sizeof(scratch->folder), "%s/weir-XXXXXX", above);
	if (!mkdtemp(scratch->folder))
		abort();
}

static struct dirent *next_file(DIR *folder)
{
	struct dirent *entry = readdir(folder);

	while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0))
		entry = readdir(folder);
	return entry;
}

void weir_scratch_finish(struct weir_scratch *scratch)
{
	DIR *folder = opendir(scratch->folder);
	struct dirent *entry;

	if (!folder)
		return;
	while ((entry = next_file(folder))) {
		const char *path = weir_scratch_file(scratch, entry->d_name);

		if (unlink(path) != 0)
			(void)rmdir(path);
	}
	(void)closedir(folder);
	(void)rmdir(scratch->folder);
}

const char *weir_scratch_file(struct weir_scratch *scratch, const char *name)
{
	(void)snprintf(scratch->path, sizeof(scratch->path), "%s/%.60s", scratch->folder, name);
	return scratch->path;
}

size_t weir_scratch_count(const struct weir_scratch *scratch)
{
	DIR *folder = opendir(scratch->folder);
	size_t count = 0;

	if (!folder)
		abort();
	while (next_file(folder))
		count++;
	(void)closedir(folder);
	return count;
}

int weir_scratch_play(int (*play)(void *state), void *state)
{
	pid_t pid;
	int status;

	(void)fflush(NULL);
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		(void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		_exit(play(state));
	}
	if (waitpid(pid, &status, 0) != pid)
		abort();
	return status;
}
