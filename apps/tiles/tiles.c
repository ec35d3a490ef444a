/* SPDX-License-Identifier: Apache-2.0
 *
 * A map server: tiles of a fractal, drawn when somebody looks at them, and kept.
 *
 * Three functions are cached. `steps` computes, which takes long; `tile` draws what it has computed, in one of several styles; `statistics`
 * sums it up. A tile in two styles and its statistics cost one computation. Each entry carries the tag of its zoom level: `steps` names it,
 * and it goes on to whoever called it. Low levels, which everybody sees, are kept for long; when their time is over the old tile is
 * shown at once while a new one is made.
 */
#include <weir/weir.h>

#include "fractal.h"
#include "page.h"
#include "picture.h"

/* -- Computing ------------------------------------------------------------------------------------------------------------- */

struct steps {
	uint16_t *counts;
	size_t count;
};

static const struct weir_field position_params[] = {
	WEIR_INT_BETWEEN(struct position, z, 0, FRACTAL_ZOOM),
	WEIR_INT(struct position, x),
	WEIR_INT(struct position, y),
	{ 0 },
};

static const struct weir_field steps_fields[] = {
	WEIR_UINT_LIST(struct steps, counts, count, WEIR_COUNT(FRACTAL_PIXELS, FRACTAL_PIXELS)),
	{ 0 },
};

static const struct weir_coder steps_plain = WEIR_CODER_STRUCT(struct steps, steps_fields);
static const struct weir_coder steps_compressed = WEIR_CODER_ZSTD(&steps_plain, 1024);

static int64_t lifetime_s(int64_t z)
{
	if (z < 5)
		return 86400;
	return z < 12 ? 3600 : 600;
}

/* Outside of the map there is nothing: as a route 404. */
static enum weir_status count_steps(struct weir_call *call, const void *args, void *result)
{
	struct weir_pool *pool = weir_call_pool(call);
	const struct position *at = args;
	struct steps *steps = result;

	weir_call_add_tag(call, weir_pool_printf(pool, "zoom-%d", (int)at->z));
	if (!fractal_has(at))
		return WEIR_MISS;
	weir_call_set_expire_s(call, lifetime_s(at->z));
	steps->count = FRACTAL_PIXELS;
	steps->counts = weir_pool_alloc(pool, FRACTAL_PIXELS * sizeof(*steps->counts));
	if (!steps->counts)
		return WEIR_ERR_MEMORY;
	fractal_count(at, steps->counts);
	return WEIR_OK;
}

static const struct weir_status_expiry missing_for_a_minute[] = { { 404, 60 }, { 0 } };

static const struct weir_function steps_at = {
	.name = "steps",
	.params = position_params,
	.params_size = sizeof(struct position),
	.run = count_steps,
	.coder = &steps_compressed,
	.cache = { .ns = "tiles", .with_lock = true, .expire_by_status = missing_for_a_minute },
};

/* -- Drawing --------------------------------------------------------------------------------------------------------------- */

/* What a client asks for stands flat: parameters of a path and a query are no structs. */
struct tile {
	int64_t z, x, y;
	enum style style;
};

static const char *const styles[] = { "fire", "ice", "ink", NULL };

static const struct weir_field tile_params[] = {
	WEIR_INT_BETWEEN(struct tile, z, 0, FRACTAL_ZOOM),
	WEIR_INT(struct tile, x),
	WEIR_INT(struct tile, y),
	WEIR_ENUM(struct tile, style, styles, WEIR_ENUM_DEFAULT(STYLE_FIRE)),
	{ 0 },
};

/* The tags of what is called go to what calls; lifetimes do not. */
static enum weir_status draw_tile(struct weir_call *call, const void *args, void *result)
{
	const struct tile *tile = args;
	struct position at = { tile->z, tile->x, tile->y };
	struct steps steps;
	enum weir_status status = weir_call_within(call, &steps_at, &at, &steps);

	if (status != WEIR_OK)
		return status;
	weir_call_set_expire_s(call, lifetime_s(tile->z));
	return picture_draw(weir_call_pool(call), steps.counts, tile->style, result);
}

/* A browser's reload does not make tiles anew: that is what the page's buttons are for. */
static const struct weir_function tile_at = {
	.name = "tile",
	.params = tile_params,
	.params_size = sizeof(struct tile),
	.run = draw_tile,
	.coder = &weir_coder_bytes,
	.cache = {
		.ns = "tiles",
		.with_lock = true,
		.expire_by_status = missing_for_a_minute,
		.stale_while_revalidate_s = 86400,
		.stale_if_error_s = 86400,
		.bypass_cache_control = true,
	},
};

/* -- Summing up ------------------------------------------------------------------------------------------------------------ */

#define BARS 10

/* Of steps until escape; `inside` counts the points of the set. Bar n of the histogram is for 2^n steps to below 2^(n+1). */
struct statistics {
	int64_t least;
	int64_t most;
	double mean;
	int64_t inside;
	int64_t histogram[BARS];
};

static const struct weir_field statistics_fields[] = {
	WEIR_INT_BETWEEN(struct statistics, least, 0, FRACTAL_MOST),
	WEIR_INT_BETWEEN(struct statistics, most, 0, FRACTAL_MOST),
	WEIR_DOUBLE_BETWEEN(struct statistics, mean, 0, FRACTAL_MOST),
	WEIR_INT_BETWEEN(struct statistics, inside, 0, FRACTAL_PIXELS),
	WEIR_INT_ARRAY(struct statistics, histogram, WEIR_INT_RANGE(0, FRACTAL_PIXELS)),
	{ 0 },
};

static const struct weir_coder statistics_coder = WEIR_CODER_STRUCT(struct statistics, statistics_fields);

/* There is at least one step, and 2^BARS are never made. */
static size_t bar_of(int64_t count)
{
	size_t bar = 0;

	for (; count > 1; count /= 2)
		bar++;
	return bar;
}

static void sum_up(const struct steps *steps, struct statistics *sums)
{
	double total = 0;

	sums->least = FRACTAL_MOST;
	for (size_t i = 0; i < steps->count; i++) {
		int64_t count = steps->counts[i];

		sums->least = count < sums->least ? count : sums->least;
		sums->most = count > sums->most ? count : sums->most;
		sums->inside += count == FRACTAL_MOST;
		sums->histogram[bar_of(count)]++;
		total += (double)count;
	}
	sums->mean = total / (double)steps->count;
}

static enum weir_status sum_up_tile(struct weir_call *call, const void *args, void *result)
{
	const struct position *at = args;
	struct steps steps;
	enum weir_status status = weir_call_within(call, &steps_at, at, &steps);

	if (status != WEIR_OK)
		return status;
	weir_call_set_expire_s(call, lifetime_s(at->z));
	sum_up(&steps, result);
	return WEIR_OK;
}

static const struct weir_function statistics_of = {
	.name = "statistics",
	.params = position_params,
	.params_size = sizeof(struct position),
	.run = sum_up_tile,
	.coder = &statistics_coder,
	.cache = { .ns = "tiles", .expire_by_status = missing_for_a_minute, .bypass_cache_control = true },
};

/* -- Clearing -------------------------------------------------------------------------------------------------------------- */

/* The tag of ?zoom=; NULL, and the answer given, when it is not one. */
static const char *asked_tag(struct weir_request *req, struct weir_response *res, enum weir_status *status)
{
	uint64_t zoom;

	if (weir_slice_to_u64(weir_slice_text(weir_request_query(req, "zoom")), FRACTAL_ZOOM, &zoom) == WEIR_OK)
		return weir_pool_printf(weir_response_pool(res), "zoom-%d", (int)zoom);
	*status = weir_response_error(res, 422, "zoom: not a number from 0 to 32");
	return NULL;
}

/* Tiles, steps and statistics of a level, for good. Counting them takes a walk through the cache; without it clearing takes no time. */
static enum weir_status clear_level(struct weir_request *req, struct weir_response *res)
{
	enum weir_status status = WEIR_ERR_MEMORY;
	const char *tag = asked_tag(req, res, &status);
	size_t removed;

	if (!tag)
		return status;
	status = weir_cache_clear_tag(weir_request_cache(req), tag, &removed);
	return status < 0 ? status : weir_response_text(res, "application/json", "{\"removed\":%zu}", removed);
}

/* Softly: the old tiles are shown until the new ones are there. */
static enum weir_status renew_level(struct weir_request *req, struct weir_response *res)
{
	enum weir_status status = WEIR_ERR_MEMORY;
	const char *tag = asked_tag(req, res, &status);

	if (!tag)
		return status;
	status = weir_cache_expire_tag(weir_request_cache(req), tag);
	return status < 0 ? status : weir_response_empty(res, 204);
}

/* -- The app --------------------------------------------------------------------------------------------------------------- */

static enum weir_status page(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_response_set_field(res, "Content-Security-Policy", "default-src 'self' 'unsafe-inline' blob:");
	return weir_response_borrowed(res, "text/html; charset=utf-8", weir_slice(tiles_page, tiles_page_len), NULL, NULL);
}

/* Seconds, by level: from them and from what is left the page knows how old a tile is. */
static enum weir_status lifetimes(struct weir_request *req, struct weir_response *res)
{
	struct weir_buffer *body = weir_response_body(res);

	(void)req;
	weir_response_set_field(res, "Content-Type", "application/json");
	for (int64_t z = 0; z <= FRACTAL_ZOOM; z++)
		weir_buffer_printf(body, "%c%lld", z == 0 ? '[' : ',', (long long)lifetime_s(z));
	weir_buffer_append_byte(body, ']');
	return WEIR_OK;
}

/* In a service for the world, who may POST would be asked for a name first. */
static const struct weir_route routes[] = {
	{ .path = "/", .handler = page, .nonblocking = true },
	{ .path = "/lifetimes", .handler = lifetimes, .nonblocking = true },
	{ .path = "/tiles/{z}/{x}/{y}", .function = &tile_at, .media_type = "image/png" },
	{ .path = "/tiles/{z}/{x}/{y}/statistics", .function = &statistics_of },
	{ .path = "/clear", .methods = WEIR_POST, .handler = clear_level },
	{ .path = "/renew", .methods = WEIR_POST, .handler = renew_level },
	{ 0 },
};

/* There is nothing to wait for but processors: more threads would only take turns. */
const struct weir_app_options tiles = { .name = "tiles", .routes = routes, .threads = 8 };

int main(int argc, char **argv)
{
	return weir_main(argc, argv, &tiles);
}
