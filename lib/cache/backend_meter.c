/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting calls. The numbers of a snapshot are each right, but need not be of the same moment.
 */
#include "cache/backend_meter.h"

static void add(_Atomic uint64_t *counter, uint64_t more)
{
	atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

static uint64_t read_counter(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void raise_to(_Atomic uint64_t *most, uint64_t value)
{
	uint64_t before = read_counter(most);

	while (before < value && !atomic_compare_exchange_weak(most, &before, value))
		;
}

static size_t time_slot(uint64_t time_us)
{
	size_t slot = 0;

	while (slot < WEIR_BACKEND_TIMES - 1 && time_us >> slot > 0)
		slot++;
	return slot;
}

void weir_backend_meter_count(struct weir_backend_meter *meter, const struct weir_backend_call *call)
{
	struct weir_backend_operation_meter *by = &meter->by[call->what];

	add(&by->operations, call->operations);
	add(&by->errors, call->errors);
	add(&by->calls, 1);
	raise_to(&by->largest_call, call->operations);
	add(&by->time_us, call->time_us);
	raise_to(&by->longest_us, call->time_us);
	add(&by->times[time_slot(call->time_us)], 1);
}

void weir_backend_meter_read(const struct weir_backend_meter *meter, struct weir_backend_metrics *metrics)
{
	*metrics = (struct weir_backend_metrics){
		.refused_full = read_counter(&meter->refused_full),
		.refused_cut_off = read_counter(&meter->refused_cut_off),
		.cut_offs = read_counter(&meter->cut_offs),
	};
	for (size_t i = 0; i < WEIR_BACKEND_OPERATIONS; i++) {
		const struct weir_backend_operation_meter *from = &meter->by[i];
		struct weir_backend_operation_metrics *to = &metrics->by[i];

		to->operations = read_counter(&from->operations);
		to->errors = read_counter(&from->errors);
		to->calls = read_counter(&from->calls);
		to->largest_call = read_counter(&from->largest_call);
		to->time_us = read_counter(&from->time_us);
		to->longest_us = read_counter(&from->longest_us);
		for (size_t k = 0; k < WEIR_BACKEND_TIMES; k++)
			to->times[k] = read_counter(&from->times[k]);
	}
}

const char *weir_backend_operation_name(enum weir_backend_operation operation)
{
	static const char *const names[WEIR_BACKEND_OPERATIONS] = {
		[WEIR_BACKEND_READ] = "read",     [WEIR_BACKEND_WRITE] = "write", [WEIR_BACKEND_LEASE] = "lease",
		[WEIR_BACKEND_REMOVE] = "remove", [WEIR_BACKEND_CLEAR] = "clear", [WEIR_BACKEND_WALK] = "walk",
	};

	return names[operation];
}
