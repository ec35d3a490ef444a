/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding and loading modules. A name that reaches dlopen is made of letters and digits only, so an URL cannot leave the folder; whoever
 * chooses the folder could as well choose the program.
 */
#include "cache/backend_module.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_PREFIX "weir-backend-"
#define FILE_SUFFIX ".so"
#define NAME_MAX_LEN ((size_t)32)
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789"

static const char *module_folder(void)
{
	const char *folder = secure_getenv("WEIR_BACKENDS");

	return folder && folder[0] ? folder : WEIR_MODULE_DIR;
}

/* In small letters, without '+' and what follows; false when no module can have that name. */
static bool module_name(struct weir_slice scheme, char name[NAME_MAX_LEN + 1])
{
	size_t len = 0;

	while (len < scheme.len && len < NAME_MAX_LEN && scheme.data[len] != '+') {
		char byte = scheme.data[len];

		name[len++] = byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
	}
	name[len] = '\0';
	return len > 0 && strspn(name, NAME_CHARS) == len && (len == scheme.len || scheme.data[len] == '+');
}

static enum weir_status check_version(const struct weir_backend_module *module, const char *file, char *why, size_t why_size)
{
	if (!module)
		(void)snprintf(why, why_size, "cache backend: %s is no module of weir: it has no object weir_backend_module", file);
	else if (module->version != WEIR_BACKEND_MODULE_VERSION)
		(void)snprintf(why, why_size, "cache backend: %s is made for version %u of the drivers' interface, this is version %d",
			       file, module->version, WEIR_BACKEND_MODULE_VERSION);
	else
		return WEIR_OK;
	return WEIR_ERR_CONFIG;
}

enum weir_status weir_backend_module_load(struct weir_slice scheme, char *why, size_t why_size, const struct weir_backend_module **module)
{
	char name[NAME_MAX_LEN + 1], file[PATH_MAX];
	void *library;
	int len;

	*module = NULL;
	if (!module_name(scheme, name))
		return WEIR_MISS;
	len = snprintf(file, sizeof(file), "%s/" FILE_PREFIX "%s" FILE_SUFFIX, module_folder(), name);
	if (len < 0 || len >= (int)sizeof(file) || access(file, F_OK) != 0)
		return WEIR_MISS;
	library = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!library) {
		(void)snprintf(why, why_size, "cache backend: cannot load a module: %s", dlerror());
		return WEIR_ERR_CONFIG;
	}
	*module = dlsym(library, "weir_backend_module");
	return check_version(*module, file, why, why_size);
}

const struct weir_backend_ops *weir_backend_module_driver(const struct weir_backend_module *module, struct weir_slice scheme)
{
	for (size_t i = 0; module->drivers[i]; i++)
		if (weir_slice_equal_nocase(scheme, weir_slice_text(module->drivers[i]->scheme)))
			return module->drivers[i];
	return NULL;
}

void weir_backend_append_name(char list[WEIR_SCHEMES_SIZE], const char *name)
{
	size_t len = strlen(list);

	(void)snprintf(list + len, WEIR_SCHEMES_SIZE - len, "%s%s", len > 0 ? ", " : "", name);
}

/* How long the name is that the file's name has in it; 0: it is no module's. */
static size_t name_length(const char *file)
{
	size_t prefix = strlen(FILE_PREFIX), len;

	if (strncmp(file, FILE_PREFIX, prefix) != 0)
		return 0;
	len = strspn(file + prefix, NAME_CHARS);
	return len <= NAME_MAX_LEN && strcmp(file + prefix + len, FILE_SUFFIX) == 0 ? len : 0;
}

static int is_module(const struct dirent *entry)
{
	return name_length(entry->d_name) > 0;
}

void weir_backend_module_names(char list[WEIR_SCHEMES_SIZE])
{
	struct dirent **entries;
	int count = scandir(module_folder(), &entries, is_module, alphasort);
	char name[NAME_MAX_LEN + 1];

	for (int i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), "%.*s", (int)name_length(entries[i]->d_name), entries[i]->d_name + strlen(FILE_PREFIX));
		weir_backend_append_name(list, name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}
