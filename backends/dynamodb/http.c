/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl's multi interface, driven to the end of a list of requests. Each easy handle is used for one request after the other; connections
 * belong to the multi handle and outlive them.
 */
#include "http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <weir/date.h>

#define POLL_MS 1000

struct slot {
	CURL *easy;
	struct curl_slist *headers;
	struct weir_dynamodb_transfer *transfer; /* NULL: idle */
};

struct weir_dynamodb_http {
	const struct weir_dynamodb_options *options;
	CURLM *multi;
	size_t slot_count;
	struct slot slots[];
};

static void init_curl(void)
{
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct weir_dynamodb_http *weir_dynamodb_http_create(const struct weir_dynamodb_options *options)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	size_t count = (size_t)options->connections;
	struct weir_dynamodb_http *http = calloc(1, sizeof(*http) + count * sizeof(http->slots[0]));
	bool made;

	if (!http)
		return NULL;
	(void)pthread_once(&once, init_curl);
	http->options = options;
	http->multi = curl_multi_init();
	made = http->multi != NULL;
	for (; made && http->slot_count < count; http->slot_count++) {
		http->slots[http->slot_count].easy = curl_easy_init();
		made = http->slots[http->slot_count].easy != NULL;
	}
	if (made && curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, options->connections) == CURLM_OK)
		return http;
	weir_dynamodb_http_destroy(http);
	return NULL;
}

void weir_dynamodb_http_destroy(struct weir_dynamodb_http *http)
{
	if (!http)
		return;
	for (size_t i = 0; i < http->slot_count; i++)
		curl_easy_cleanup(http->slots[i].easy);
	(void)curl_multi_cleanup(http->multi);
	free(http);
}

/* -- What curl calls ------------------------------------------------------------------------------------------------------- */

static size_t take_body(char *data, size_t size, size_t count, void *state)
{
	struct weir_dynamodb_transfer *transfer = state;

	weir_buffer_append(transfer->reply, data, size * count);
	return transfer->reply->overflowed ? 0 : size * count;
}

static size_t take_header(char *data, size_t size, size_t count, void *state)
{
	struct weir_dynamodb_transfer *transfer = state;
	struct weir_slice rest = weir_slice(data, size * count), name = weir_slice_cut(&rest, ':');
	int64_t date_s;

	if (rest.data && weir_slice_equal_nocase(name, WEIR_SLICE_LITERAL("date"))) {
		while (rest.len > 0 && (rest.data[rest.len - 1] == '\r' || rest.data[rest.len - 1] == '\n'))
			rest.len--;
		if (weir_date_parse(weir_slice_trim(rest), 0, &date_s) == WEIR_OK)
			transfer->sighting.date_s = date_s;
	}
	return size * count;
}

/* -- One request ----------------------------------------------------------------------------------------------------------- */

static bool set_headers(struct slot *slot)
{
	for (const char *const *header = slot->transfer->headers; header && *header; header++) {
		struct curl_slist *longer = curl_slist_append(slot->headers, *header);

		if (!longer)
			return false;
		slot->headers = longer;
	}
	return curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->headers) == CURLE_OK;
}

static bool set_signer(CURL *easy, const struct weir_dynamodb_signer *signer)
{
	char provider[WEIR_DYNAMODB_REGION_MAX + 32];

	if (!signer)
		return curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") == CURLE_OK;
	(void)snprintf(provider, sizeof(provider), "aws:amz:%s:dynamodb", signer->region);
	return curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, provider) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_USERNAME, signer->secret->access_key) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PASSWORD, signer->secret->secret_key) == CURLE_OK;
}

static bool set_request(CURL *easy, const struct weir_dynamodb_transfer *transfer)
{
	bool set = curl_easy_setopt(easy, CURLOPT_URL, transfer->url) == CURLE_OK;

	/* The body must be given in one piece: it is signed. */
	if (transfer->signer)
		set = set && curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body.len) == CURLE_OK &&
		      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->body.data) == CURLE_OK;
	if (transfer->method)
		set = set && curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, transfer->method) == CURLE_OK;
	return set && set_signer(easy, transfer->signer);
}

/* NOSIGNAL: there are other threads. QUICK_EXIT: a name server that does not answer is not waited for. */
static bool set_limits(CURL *easy, const struct weir_dynamodb_options *options, int64_t left_ms)
{
	long total_ms = left_ms < options->read_timeout_ms ? (long)left_ms : options->read_timeout_ms;

	return curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, options->connect_timeout_ms) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, total_ms) == CURLE_OK;
}

static bool set_callbacks(struct slot *slot)
{
	return curl_easy_setopt(slot->easy, CURLOPT_PRIVATE, slot) == CURLE_OK &&
	       curl_easy_setopt(slot->easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
	       curl_easy_setopt(slot->easy, CURLOPT_WRITEDATA, slot->transfer) == CURLE_OK &&
	       curl_easy_setopt(slot->easy, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
	       curl_easy_setopt(slot->easy, CURLOPT_HEADERDATA, slot->transfer) == CURLE_OK;
}

static void finish(struct slot *slot, CURLcode result)
{
	struct weir_dynamodb_transfer *transfer = slot->transfer;

	transfer->sighting.came_ms = weir_clock_wall_ms(weir_clock_system());
	transfer->status = WEIR_ERR_IO;
	if (result == CURLE_OK)
		transfer->status = WEIR_OK;
	else if (result == CURLE_OPERATION_TIMEDOUT)
		transfer->status = WEIR_ERR_TIMEOUT;
	else if (result == CURLE_OUT_OF_MEMORY)
		transfer->status = WEIR_ERR_MEMORY;
	transfer->broken =
		result == CURLE_GOT_NOTHING || result == CURLE_RECV_ERROR || result == CURLE_SEND_ERROR || result == CURLE_PARTIAL_FILE;
	transfer->failure = curl_easy_strerror(result);
	transfer->code = 0;
	if (result == CURLE_OK)
		(void)curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &transfer->code);
	curl_slist_free_all(slot->headers);
	curl_easy_reset(slot->easy);
	*slot = (struct slot){ .easy = slot->easy };
}

/* Unless it cannot be started: then it has its results already, and the slot is idle. */
static void start(struct weir_dynamodb_http *http, struct slot *slot, struct weir_dynamodb_transfer *transfer, int64_t deadline_ms)
{
	int64_t left_ms = deadline_ms - weir_dynamodb_now_ms();
	CURLcode failed = left_ms > 0 ? CURLE_OUT_OF_MEMORY : CURLE_OPERATION_TIMEDOUT;

	slot->transfer = transfer;
	weir_buffer_clear(transfer->reply);
	transfer->sighting = (struct weir_dynamodb_sighting){ .sent_ms = weir_clock_wall_ms(weir_clock_system()) };
	if (left_ms > 0 && set_request(slot->easy, transfer) && set_headers(slot) && set_limits(slot->easy, http->options, left_ms) &&
	    set_callbacks(slot) && curl_multi_add_handle(http->multi, slot->easy) == CURLM_OK)
		return;
	finish(slot, failed);
}

/* -- All of them ----------------------------------------------------------------------------------------------------------- */

/* Returns how many have ended. */
static size_t collect(struct weir_dynamodb_http *http)
{
	const CURLMsg *message;
	size_t ended = 0;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left))) {
		CURL *easy = message->easy_handle;
		CURLcode result = message->data.result;
		struct slot *slot = NULL;

		(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &slot);
		(void)curl_multi_remove_handle(http->multi, easy);
		finish(slot, result);
		ended++;
	}
	return ended;
}

static void give_up(struct weir_dynamodb_http *http)
{
	for (size_t i = 0; i < http->slot_count; i++) {
		if (!http->slots[i].transfer)
			continue;
		(void)curl_multi_remove_handle(http->multi, http->slots[i].easy);
		finish(&http->slots[i], CURLE_OUT_OF_MEMORY);
	}
}

/* Starts the next ones on all idle slots; returns how many are running then, of `running` before. */
static size_t start_more(struct weir_dynamodb_http *http, struct weir_dynamodb_transfer *const **next,
			 struct weir_dynamodb_transfer *const *end, int64_t deadline_ms)
{
	size_t running = 0;

	for (size_t i = 0; i < http->slot_count; i++) {
		while (!http->slots[i].transfer && *next != end)
			start(http, &http->slots[i], *(*next)++, deadline_ms);
		running += http->slots[i].transfer != NULL;
	}
	return running;
}

void weir_dynamodb_http_run(struct weir_dynamodb_http *http, struct weir_dynamodb_transfer *const *transfers, size_t count,
			    int64_t deadline_ms)
{
	struct weir_dynamodb_transfer *const *next = transfers;
	int running;

	while (start_more(http, &next, transfers + count, deadline_ms) > 0) {
		if (curl_multi_perform(http->multi, &running) != CURLM_OK)
			give_up(http);
		else if (collect(http) == 0 && curl_multi_poll(http->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK)
			give_up(http);
	}
}
