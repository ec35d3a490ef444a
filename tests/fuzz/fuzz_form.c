/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a form: the first line is the Content-Type, the rest the body. What is read, encoded again, must be read the same.
 */
#include <weir/form.h>

#include "http/percent.h"
#include "insist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct weir_slice encode(struct weir_pool *pool, const struct weir_query *form)
{
	size_t room = 1;
	char *out, *end;

	for (size_t i = 0; i < form->count; i++)
		room += 3 * (form->pairs[i].name.len + form->pairs[i].value.len) + 2;
	out = end = weir_pool_bytes(pool, room);
	for (size_t i = 0; i < form->count; i++) {
		end = weir_percent_encode(end, form->pairs[i].name);
		*end++ = '=';
		end = weir_percent_encode(end, form->pairs[i].value);
		*end++ = '&';
	}
	return weir_slice(out, (size_t)(end - out));
}

static void check_body(struct weir_pool *pool, struct weir_slice body)
{
	struct weir_query form, again;

	if (weir_form_parse(pool, body, 0, &form) != WEIR_OK)
		return;
	INSIST(weir_form_parse(pool, encode(pool, &form), form.count, &again) == WEIR_OK);
	INSIST(again.count == form.count);
	for (size_t i = 0; i < form.count; i++) {
		INSIST(weir_slice_equal(again.pairs[i].name, form.pairs[i].name));
		INSIST(weir_slice_equal(again.pairs[i].value, form.pairs[i].value));
	}
}

/* Parameters do not matter, and a type is itself. */
static void check_type(struct weir_pool *pool, struct weir_slice type)
{
	bool is_form = weir_media_type_is(type, WEIR_FORM_MEDIA_TYPE);
	size_t end = weir_slice_find(type, ';');
	const char *bare = weir_pool_dup(pool, weir_slice_trim(weir_slice(type.data, end))).data;
	const char *longer = weir_pool_printf(pool, "%.*s; charset=utf-8", (int)end, type.data);

	if (weir_slice_find(type, '\0') < type.len)
		return;
	INSIST(weir_media_type_is(type, bare));
	INSIST(weir_media_type_is(weir_slice_text(longer), WEIR_FORM_MEDIA_TYPE) == is_form);
	INSIST(!is_form || strlen(bare) == strlen(WEIR_FORM_MEDIA_TYPE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_slice body = weir_slice(data, size), type;
	struct weir_pool *pool;

	if (size == 0 || size > 4096)
		return 0;
	pool = weir_pool_create(0);
	type = weir_slice_cut(&body, '\n');
	check_type(pool, type);
	check_body(pool, body);
	weir_pool_destroy(pool);
	return 0;
}
