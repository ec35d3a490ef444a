/* SPDX-License-Identifier: Apache-2.0
 *
 * Entity tags. xxHash is compiled in here, and only here, so that small bodies are hashed without a call.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <weir/etag.h>

struct weir_etag_state {
	XXH3_state_t hash;
};

/* The pool aligns for any type; XXH3_state_t wants more than that. */
enum {
	STATE_ALIGNMENT = 64,
};

static void write_tag(XXH128_hash_t hash, char out[WEIR_ETAG_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	XXH128_canonical_t canonical;
	char *end = out;

	XXH128_canonicalFromHash(&canonical, hash);
	*end++ = '"';
	for (size_t i = 0; i < sizeof(canonical.digest); i++) {
		*end++ = digits[canonical.digest[i] >> 4];
		*end++ = digits[canonical.digest[i] & 15];
	}
	*end++ = '"';
	*end = '\0';
}

void weir_etag_make(struct weir_slice bytes, char out[WEIR_ETAG_SIZE])
{
	write_tag(XXH3_128bits(bytes.data, bytes.len), out);
}

struct weir_etag_state *weir_etag_begin(struct weir_pool *pool)
{
	char *memory = weir_pool_alloc(pool, sizeof(struct weir_etag_state) + STATE_ALIGNMENT);
	struct weir_etag_state *state;

	if (!memory)
		return NULL;
	state = (void *)(memory + STATE_ALIGNMENT - (uintptr_t)memory % STATE_ALIGNMENT);
	(void)XXH3_128bits_reset(&state->hash);
	return state;
}

void weir_etag_update(struct weir_etag_state *state, struct weir_slice bytes)
{
	if (bytes.len > 0)
		(void)XXH3_128bits_update(&state->hash, bytes.data, bytes.len);
}

void weir_etag_digest(const struct weir_etag_state *state, char out[WEIR_ETAG_SIZE])
{
	write_tag(XXH3_128bits_digest(&state->hash), out);
}
