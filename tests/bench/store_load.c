/* SPDX-License-Identifier: Apache-2.0
 *
 * The load that all sides of the store's measurements share, as store_load.h says.
 */
#include "store_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t store_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void store_need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	exit(1);
}

struct store_load *store_load_make(void)
{
	struct store_load *load = calloc(1, sizeof(*load));
	uint64_t random = 1;

	store_need(load, "no memory");
	for (uint32_t i = 0; i < STORE_KEYS; i++) {
		char key[STORE_KEY_LEN + 1];

		snprintf(key, sizeof(key), "page:/item/%05u", i);
		memcpy(load->keys[i], key, STORE_KEY_LEN);
	}
	for (uint32_t i = 0; i < STORE_ORDER; i++) {
		random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		load->order[i] = (uint32_t)(random >> 40);
	}
	memset(load->value, 'v', sizeof(load->value));
	return load;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double store_median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}
