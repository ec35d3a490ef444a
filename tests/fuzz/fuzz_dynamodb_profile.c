/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a file of profiles. What is found is a part of the file, in one line, without blanks around it.
 */
#include "backends/dynamodb/ini.h"
#include "insist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct weir_slice file, const char *section, const char *name)
{
	struct weir_slice value = weir_dynamodb_ini_get(file, weir_slice_text(section), name);

	if (!value.data)
		return;
	INSIST(value.data >= file.data && value.data + value.len <= file.data + file.len);
	INSIST(weir_slice_find(value, '\n') == value.len);
	INSIST(weir_slice_equal(weir_slice_trim(value), value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_slice file = weir_slice(data, size);

	check(file, "default", "aws_access_key_id");
	check(file, "profile web", "region");
	check(file, "", "");
	return 0;
}
