/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes commands and reads answers: nothing here waits, connects or remembers.
 */
#include "wire.h"

#define DAYS_30_S ((int64_t)30 * 24 * 3600)

static void write_store(struct weir_buffer *out, const struct weir_memcached_command *command, const char *verb)
{
	weir_buffer_append_text(out, verb);
	weir_buffer_append_slice(out, command->name);
	weir_buffer_printf(out, " %lu %lld %zu", (unsigned long)WEIR_MEMCACHED_FLAGS, (long long)command->lifetime_s,
			   command->head.len + command->body.len);
	if (command->verb == WEIR_MEMCACHED_CAS)
		weir_buffer_printf(out, " %llu", (unsigned long long)command->cas);
	weir_buffer_append_text(out, command->quiet ? " noreply\r\n" : "\r\n");
	weir_buffer_append_slice(out, command->head);
	weir_buffer_append_slice(out, command->body);
	weir_buffer_append_text(out, "\r\n");
}

static void write_name(struct weir_buffer *out, const char *before, struct weir_slice name, const char *after)
{
	weir_buffer_append_text(out, before);
	weir_buffer_append_slice(out, name);
	weir_buffer_append_text(out, after);
}

void weir_memcached_command_write(struct weir_buffer *out, const struct weir_memcached_command *command)
{
	switch (command->verb) {
	case WEIR_MEMCACHED_SET:
		write_store(out, command, "set ");
		break;
	case WEIR_MEMCACHED_ADD:
		write_store(out, command, "add ");
		break;
	case WEIR_MEMCACHED_CAS:
		write_store(out, command, "cas ");
		break;
	case WEIR_MEMCACHED_INCREMENT:
		write_name(out, "incr ", command->name, " 1\r\n");
		break;
	case WEIR_MEMCACHED_DELETE:
		write_name(out, "delete ", command->name, "\r\n");
		break;
	case WEIR_MEMCACHED_GET:
	case WEIR_MEMCACHED_VERSION:
		weir_buffer_append_text(out, "version\r\n");
		break;
	}
}

int64_t weir_memcached_lifetime(int64_t ms)
{
	int64_t s;

	if (ms > DAYS_30_S * 1000)
		return 0;
	s = ms / 1000 + (ms % 1000 > 0) + 1; /* the server's seconds are whole, and one of them has begun */
	return s <= 1 ? 2 : s <= DAYS_30_S ? s : 0;
}

/* The next word, without the space behind it. */
static struct weir_slice word(struct weir_slice *rest)
{
	return rest->data ? weir_slice_cut(rest, ' ') : WEIR_SLICE_NONE;
}

static bool number(struct weir_slice text, uint64_t max, uint64_t *value)
{
	return weir_slice_to_u64(text, max, value) == WEIR_OK;
}

/* "VALUE name flags bytes cas" */
static void parse_value(struct weir_slice rest, struct weir_memcached_line *parsed)
{
	uint64_t flags, len;

	parsed->name = word(&rest);
	if (parsed->name.len == 0 || parsed->name.len > WEIR_MEMCACHED_NAME_MAX)
		return;
	if (!number(word(&rest), UINT32_MAX, &flags) || !number(word(&rest), WEIR_MEMCACHED_VALUE_MAX, &len) ||
	    !number(rest, UINT64_MAX, &parsed->number))
		return;
	parsed->flags = (uint32_t)flags;
	parsed->len = (size_t)len;
	parsed->answer = WEIR_MEMCACHED_ANSWER_VALUE;
}

static const struct {
	const char *word;
	enum weir_memcached_answer answer;
} answers[] = {
	{ "END", WEIR_MEMCACHED_ANSWER_END },
	{ "STORED", WEIR_MEMCACHED_ANSWER_YES },
	{ "DELETED", WEIR_MEMCACHED_ANSWER_YES },
	{ "VERSION", WEIR_MEMCACHED_ANSWER_YES },
	{ "NOT_STORED", WEIR_MEMCACHED_ANSWER_NO },
	{ "EXISTS", WEIR_MEMCACHED_ANSWER_NO },
	{ "NOT_FOUND", WEIR_MEMCACHED_ANSWER_NO },
	{ "SERVER_ERROR", WEIR_MEMCACHED_ANSWER_ERROR },
	{ "CLIENT_ERROR", WEIR_MEMCACHED_ANSWER_WRONG },
};

void weir_memcached_line_parse(struct weir_slice line, struct weir_memcached_line *parsed)
{
	struct weir_slice rest = line, first = word(&rest);

	*parsed = (struct weir_memcached_line){ .answer = WEIR_MEMCACHED_ANSWER_UNKNOWN };
	if (weir_slice_equal(first, WEIR_SLICE_LITERAL("VALUE"))) {
		parse_value(rest, parsed);
		return;
	}
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (weir_slice_equal(first, weir_slice_text(answers[i].word)))
			parsed->answer = answers[i].answer;
	if (weir_slice_starts_with(line, WEIR_SLICE_LITERAL("SERVER_ERROR object too large")))
		parsed->answer = WEIR_MEMCACHED_ANSWER_TOO_LARGE;
	if (!rest.data && number(first, UINT64_MAX, &parsed->number))
		parsed->answer = WEIR_MEMCACHED_ANSWER_NUMBER;
}
