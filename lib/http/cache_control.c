/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading Cache-Control. One table says what there is; each directive is one of three kinds, told apart by what its argument fills in.
 */
#include <weir/cache_control.h>

enum kind {
	KIND_FLAG,    /* an argument does not matter */
	KIND_SECONDS, /* `target` is a uint32_t */
	KIND_FIELDS,  /* `target` is a slice */
};

struct directive {
	struct weir_slice name;
	enum weir_cache_directive bit;
	enum kind kind;
	size_t target; /* offset in struct weir_cache_control */
};

#define NAME(text) text, sizeof(text) - 1
#define TARGET(member) offsetof(struct weir_cache_control, member)

static const struct directive directives[] = {
	{ { NAME("max-age") }, WEIR_CC_MAX_AGE, KIND_SECONDS, TARGET(max_age_s) },
	{ { NAME("s-maxage") }, WEIR_CC_S_MAXAGE, KIND_SECONDS, TARGET(s_maxage_s) },
	{ { NAME("no-cache") }, WEIR_CC_NO_CACHE, KIND_FIELDS, TARGET(no_cache_fields) },
	{ { NAME("no-store") }, WEIR_CC_NO_STORE, KIND_FLAG, 0 },
	{ { NAME("private") }, WEIR_CC_PRIVATE, KIND_FIELDS, TARGET(private_fields) },
	{ { NAME("public") }, WEIR_CC_PUBLIC, KIND_FLAG, 0 },
	{ { NAME("must-revalidate") }, WEIR_CC_MUST_REVALIDATE, KIND_FLAG, 0 },
	{ { NAME("proxy-revalidate") }, WEIR_CC_PROXY_REVALIDATE, KIND_FLAG, 0 },
	{ { NAME("must-understand") }, WEIR_CC_MUST_UNDERSTAND, KIND_FLAG, 0 },
	{ { NAME("no-transform") }, WEIR_CC_NO_TRANSFORM, KIND_FLAG, 0 },
	{ { NAME("only-if-cached") }, WEIR_CC_ONLY_IF_CACHED, KIND_FLAG, 0 },
	{ { NAME("max-stale") }, WEIR_CC_MAX_STALE, KIND_SECONDS, TARGET(max_stale_s) },
	{ { NAME("min-fresh") }, WEIR_CC_MIN_FRESH, KIND_SECONDS, TARGET(min_fresh_s) },
	{ { NAME("stale-while-revalidate") }, WEIR_CC_STALE_WHILE_REVALIDATE, KIND_SECONDS, TARGET(stale_while_revalidate_s) },
	{ { NAME("stale-if-error") }, WEIR_CC_STALE_IF_ERROR, KIND_SECONDS, TARGET(stale_if_error_s) },
	{ { NAME("immutable") }, WEIR_CC_IMMUTABLE, KIND_FLAG, 0 },
};

static const struct directive *find_directive(struct weir_slice name)
{
	for (size_t i = 0; i < sizeof(directives) / sizeof(*directives); i++)
		if (name.len == directives[i].name.len && weir_slice_equal_nocase(name, directives[i].name))
			return &directives[i];
	return NULL;
}

static struct weir_slice unquote(struct weir_slice text)
{
	if (text.len >= 2 && text.data[0] == '"' && text.data[text.len - 1] == '"')
		return weir_slice(text.data + 1, text.len - 2);
	return text;
}

static uint32_t read_seconds(struct weir_slice argument)
{
	uint64_t seconds = 0;

	if (weir_slice_to_u64(unquote(argument), WEIR_CC_MAX_S, &seconds) == WEIR_ERR_LIMIT)
		return WEIR_CC_MAX_S;
	return (uint32_t)seconds;
}

static uint32_t seconds_without_argument(const struct directive *directive)
{
	return directive->bit == WEIR_CC_MAX_STALE ? WEIR_CC_MAX_S : 0;
}

/* The absent slice unless the argument is a list of one or more field names. */
static struct weir_slice read_fields(struct weir_slice argument)
{
	struct weir_slice list = unquote(argument), rest = list, member;
	size_t members = 0;

	while (weir_field_list_next(&rest, &member)) {
		if (!weir_field_name_valid(member))
			return WEIR_SLICE_NONE;
		members++;
	}
	return members > 0 ? list : WEIR_SLICE_NONE;
}

/* `argument` is absent when there is no '='. */
static void apply(struct weir_cache_control *out, const struct directive *directive, struct weir_slice argument)
{
	bool repeated = weir_cache_control_has(out, directive->bit);
	void *target = (char *)out + directive->target;

	out->present |= (unsigned)directive->bit;
	if (directive->kind == KIND_FIELDS)
		*(struct weir_slice *)target = repeated || !argument.data ? WEIR_SLICE_NONE : read_fields(argument);
	else if (directive->kind == KIND_SECONDS && !repeated)
		*(uint32_t *)target = argument.data ? read_seconds(argument) : seconds_without_argument(directive);
}

void weir_cache_control_parse(struct weir_slice value, struct weir_cache_control *out)
{
	struct weir_slice argument;

	*out = (struct weir_cache_control){ 0 };
	while (weir_field_list_next(&value, &argument)) {
		struct weir_slice name = weir_slice_cut(&argument, '=');
		struct weir_slice trimmed = weir_slice_trim(name);
		const struct directive *directive = find_directive(trimmed);

		if (argument.data && trimmed.len != name.len)
			argument = WEIR_SLICE_LITERAL("");
		if (directive)
			apply(out, directive, argument);
	}
}

void weir_cache_control_of_request(const struct weir_fields *fields, struct weir_pool *pool, struct weir_cache_control *out)
{
	struct weir_slice value = weir_fields_join(fields, WEIR_SLICE_LITERAL("Cache-Control"), pool);
	const struct weir_field_line *line;
	size_t at = 0;

	weir_cache_control_parse(value, out);
	if (value.data)
		return;
	while ((line = weir_fields_next(fields, WEIR_SLICE_LITERAL("Pragma"), &at)))
		if (weir_field_list_has(line->value, WEIR_SLICE_LITERAL("no-cache")))
			out->present |= WEIR_CC_NO_CACHE;
}
