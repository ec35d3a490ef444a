/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a date, HTTP's and RFC 3339's, behind eight bytes that are a time: the present for two-digit years, and something to write.
 */
#include <weir/temporal.h>

#include "insist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int64_t first_s = -62167219200, last_s = 253402300799;

static void check_round_trip(int64_t time_s)
{
	char text[WEIR_DATE_SIZE];
	int64_t read_s;

	weir_date_format(time_s, text);
	INSIST(strlen(text) == WEIR_DATE_SIZE - 1);
	INSIST(weir_date_parse(weir_slice_text(text), 0, &read_s) == WEIR_OK);
	INSIST(read_s == (time_s < first_s ? first_s : time_s > last_s ? last_s : time_s));
}

static void check_datetime(struct weir_slice text)
{
	struct weir_datetime datetime, again;
	char written[WEIR_DATETIME_TEXT_SIZE];

	if (weir_datetime_read(text, &datetime) != WEIR_OK)
		return;
	INSIST(weir_datetime_write(&datetime, written) == WEIR_OK && strlen(written) < sizeof(written));
	INSIST(weir_datetime_read(weir_slice_text(written), &again) == WEIR_OK);
	INSIST(again.time_s == datetime.time_s && again.nanoseconds == datetime.nanoseconds && again.offset_min == datetime.offset_min);
}

/* What one function writes the other reads. */
static void check_is_datetime(const char *text)
{
	struct weir_datetime datetime;

	INSIST(weir_datetime_read(weir_slice_text(text), &datetime) == WEIR_OK);
}

static void check_rfc3339(int64_t wall_ms, int offset_min)
{
	char text[WEIR_DATE_SIZE];

	weir_date_rfc3339(wall_ms, offset_min, true, text);
	INSIST(strlen(text) == 29 && text[10] == 'T' && text[19] == '.');
	check_is_datetime(text);
	weir_date_rfc3339(wall_ms, offset_min, false, text);
	INSIST(strlen(text) == 25 && strspn(text, "0123456789-T:+") == 25);
	weir_date_rfc3339(wall_ms, WEIR_DATE_UTC, false, text);
	INSIST(strlen(text) == 20 && text[19] == 'Z');
	check_is_datetime(text);
}

/* The case of letters means nothing. */
static void check_case(struct weir_slice text, int64_t now_s, int64_t time_s)
{
	char flipped[64];
	int64_t read_s;

	INSIST(text.len < sizeof(flipped));
	for (size_t i = 0; i < text.len; i++)
		flipped[i] = (char)(text.data[i] >= 'A' ? text.data[i] ^ 0x20 : text.data[i]);
	INSIST(weir_date_parse(weir_slice(flipped, text.len), now_s, &read_s) == WEIR_OK && read_s == time_s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_slice text = weir_slice_from(weir_slice(data, size), sizeof(int64_t));
	int64_t now_s, time_s;

	if (size < sizeof(now_s))
		return 0;
	memcpy(&now_s, data, sizeof(now_s));
	check_round_trip(now_s);
	check_rfc3339(now_s, (int)(now_s >> 32) == WEIR_DATE_UTC ? 0 : (int)(now_s >> 32));
	check_datetime(text);
	if (weir_date_parse(text, now_s, &time_s) != WEIR_OK)
		return 0;
	INSIST(time_s >= first_s && time_s <= last_s);
	check_round_trip(time_s);
	check_case(text, now_s, time_s);
	return 0;
}
