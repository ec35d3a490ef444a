/* SPDX-License-Identifier: Apache-2.0
 *
 * What holds for all coders: who they are, and what can be wrong with one. A coder that wraps itself is refused at the start; until then
 * it must not be an endless loop.
 */
#include "cache/coder.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/endian.h"
#include "cache/libzstd.h"

#define MAX_NAME 63

uint64_t weir_coder_id(const struct weir_coder *coder)
{
	uint64_t id = 0;
	char fingerprint[8];

	for (int depth = 0; coder && depth < WEIR_CODER_DEPTH; coder = coder->inner, depth++) {
		weir_store_le64(fingerprint, coder->ops->fingerprint ? coder->ops->fingerprint(coder) : 0);
		id = XXH3_64bits_withSeed(coder->ops->name, strlen(coder->ops->name) + 1, id);
		id = XXH3_64bits_withSeed(fingerprint, sizeof(fingerprint), id);
	}
	return id ? id : 1;
}

size_t weir_coder_size(const struct weir_coder *coder)
{
	for (int depth = 0; coder && depth < WEIR_CODER_DEPTH; coder = coder->inner, depth++)
		if (coder->size > 0)
			return coder->size;
	return 0;
}

const char *weir_coder_media_type(const struct weir_coder *coder)
{
	for (int depth = 0; coder && depth < WEIR_CODER_DEPTH; coder = coder->inner, depth++)
		if (coder->media_type)
			return coder->media_type;
	return "application/octet-stream";
}

/* A struct and a datetime may have the size of a slice, too. */
bool weir_coder_is_of_bytes(const struct weir_coder *coder)
{
	for (int depth = 0; coder->inner && depth < WEIR_CODER_DEPTH; depth++)
		coder = coder->inner;
	return coder->size == sizeof(struct weir_slice) && !coder->fields && coder->ops != weir_coder_datetime.ops;
}

static const char *check_one(const struct weir_coder *coder)
{
	const struct weir_coder_ops *ops = coder->ops;
	const char *why;

	if (!ops || !ops->name || !*ops->name || strlen(ops->name) > MAX_NAME)
		return "its coder has no name of 1 to 63 characters";
	if (!ops->encode || !ops->decode)
		return "its coder lacks encode or decode";
	if ((ops == &weir_coder_struct_ops || ops == &weir_coder_struct_json_ops) && !coder->fields)
		return "its coder of structs has no field table";
	if (ops != &weir_coder_zstd_ops)
		return NULL;
	if (!coder->inner)
		return "its coder compresses the bytes of no other";
	return weir_libzstd(&why) ? NULL : why;
}

const char *weir_coder_check(const struct weir_coder *coder)
{
	size_t size = weir_coder_size(coder);
	const char *wrong = NULL;

	for (int depth = 0; coder && !wrong; coder = coder->inner)
		wrong = depth++ < WEIR_CODER_DEPTH ? check_one(coder) : "its coder is wrapped too deep, or in itself";
	if (!wrong && size == 0)
		wrong = "its coder does not say how large a value is";
	return wrong;
}
