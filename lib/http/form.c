/* SPDX-License-Identifier: Apache-2.0
 *
 * HTML forms. Their bodies are written as queries are; only the way to recognise one is new.
 */
#include <weir/form.h>

enum weir_status weir_form_parse(struct weir_pool *pool, struct weir_slice body, size_t max_pairs, struct weir_query *form)
{
	return weir_query_parse(pool, body, max_pairs, form);
}

bool weir_media_type_is(struct weir_slice content_type, const char *media_type)
{
	struct weir_slice type = weir_slice_cut(&content_type, ';');

	return type.data && weir_slice_equal_nocase(weir_slice_trim(type), weir_slice_text(media_type));
}
