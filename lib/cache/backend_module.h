/* SPDX-License-Identifier: Apache-2.0
 *
 * Drivers that are not linked in: files of the folder that backend_driver.h names, loaded when an URL asks for them and never unloaded.
 */
#ifndef WEIR_CACHE_BACKEND_MODULE_H
#define WEIR_CACHE_BACKEND_MODULE_H

#include <weir/backend_driver.h>

/* So many bytes, zero included, hold a list of schemes. */
#define WEIR_SCHEMES_SIZE 256

/* The module that is responsible for the scheme. MISS: there is none; ERR_CONFIG: there is, and it cannot be used, with the reason in
 * `why`. */
WEIR_MUST_CHECK enum weir_status weir_backend_module_load(struct weir_slice scheme, char *why, size_t why_size,
							  const struct weir_backend_module **module);

/* The module's driver for the scheme, in any case; NULL when it has none. */
const struct weir_backend_ops *weir_backend_module_driver(const struct weir_backend_module *module, struct weir_slice scheme);

/* Appends the names of all modules that are there, ", " between them and before the first; cut where it does not fit. */
void weir_backend_module_names(char list[WEIR_SCHEMES_SIZE]);

/* Appends one name. */
void weir_backend_append_name(char list[WEIR_SCHEMES_SIZE], const char *name);

#endif
