/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as what lies under our names on a server, and as a line of its list of items.
 */
#include "backends/memcached/dump.h"
#include "backends/memcached/record.h"
#include "insist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_record(struct weir_slice bytes)
{
	struct weir_memcached_record record;
	char *again;

	if (!weir_memcached_record_read(bytes, &record))
		return;
	INSIST(record.key.len > 0 && record.key.len <= WEIR_KEY_MAX);
	INSIST(WEIR_MEMCACHED_RECORD_HEAD + record.key.len + record.value.len == bytes.len);
	again = malloc(WEIR_MEMCACHED_RECORD_HEAD + record.key.len);
	INSIST(again);
	weir_memcached_record_write(again, record.key, record.expires_ms);
	INSIST(memcmp(again, bytes.data, WEIR_MEMCACHED_RECORD_HEAD + record.key.len) == 0);
	free(again);
}

static void check_texts(struct weir_slice bytes)
{
	char lease[WEIR_MEMCACHED_LEASE_LEN + 1], number[WEIR_MEMCACHED_NUMBER_SIZE];
	uint64_t token = weir_memcached_lease_read(bytes), count = weir_memcached_number_read(bytes);

	weir_memcached_lease_write(lease, token);
	INSIST(token == 0 || weir_slice_equal(weir_slice_text(lease), bytes));
	INSIST(weir_memcached_number_read(weir_memcached_number_write(number, count)) == count);
}

static void check_line(struct weir_slice bytes)
{
	char name[WEIR_MEMCACHED_NAME_MAX];
	size_t len = SIZE_MAX;

	if (weir_memcached_dump_parse(bytes, name, &len) == WEIR_MEMCACHED_DUMP_NAME)
		INSIST(len > 0 && len <= sizeof(name) && len < bytes.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_slice bytes = weir_slice(data, size);

	check_record(bytes);
	check_texts(bytes);
	check_line(bytes);
	return 0;
}
