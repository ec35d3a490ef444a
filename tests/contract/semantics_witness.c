/* SPDX-License-Identifier: Apache-2.0
 *
 * A driver that passes everything on to another.
 */
#include "semantics_witness.h"

#include <string.h>

void semantics_notes_add(struct semantics_notes *notes, char call)
{
	if (notes->len + 1 < sizeof(notes->calls))
		notes->calls[notes->len++] = call;
}

/* Writes it down; true when the driver is to be asked. */
static bool admit(struct semantics_witness *witness, char call)
{
	semantics_notes_add(witness->notes, call);
	return !strchr(witness->notes->refused, call);
}

static const struct weir_backend_ops *ops_of(const struct semantics_witness *witness)
{
	return weir_backend_ops(witness->backend);
}

static void *self_of(const struct semantics_witness *witness)
{
	return weir_backend_self(witness->backend);
}

static enum weir_status witness_get_many(void *self, struct weir_backend_read *const *reads, size_t count)
{
	struct semantics_witness *witness = self;
	bool admitted = true;

	for (size_t i = 0; i < count; i++)
		admitted = admit(witness, reads[i]->get_count > 0 ? 'R' : 'L') && admitted;
	return admitted ? ops_of(witness)->get_many(self_of(witness), reads, count) : WEIR_ERR_IO;
}

static enum weir_status witness_set_many(void *self, struct weir_backend_set *sets, size_t count)
{
	struct semantics_witness *witness = self;
	bool admitted = true;

	for (size_t i = 0; i < count; i++)
		admitted = admit(witness, 'W') && admitted;
	return admitted ? ops_of(witness)->set_many(self_of(witness), sets, count) : WEIR_ERR_IO;
}

static enum weir_status witness_remove(void *self, const struct weir_slice *keys, size_t count, size_t *removed)
{
	return ops_of(self)->remove(self_of(self), keys, count, removed);
}

static enum weir_status witness_clear(void *self, const struct weir_slice *cells, size_t count, int64_t keep_ms, uint64_t *clock)
{
	return admit(self, 'C') ? ops_of(self)->clear(self_of(self), cells, count, keep_ms, clock) : WEIR_ERR_IO;
}

static enum weir_status witness_lease_many(void *self, struct weir_backend_lease *leases, size_t count)
{
	static const char letters[] = { [WEIR_LEASE_TAKE] = 'T', [WEIR_LEASE_RENEW] = 'N', [WEIR_LEASE_RELEASE] = 'G' };
	struct semantics_witness *witness = self;

	for (size_t i = 0; i < count; i++) {
		enum weir_status status = WEIR_ERR_IO;

		if (admit(witness, letters[leases[i].verb]))
			status = ops_of(witness)->lease_many(self_of(witness), &leases[i], 1);
		if (status != WEIR_OK)
			leases[i].status = status;
	}
	return WEIR_OK;
}

static enum weir_status witness_walk(void *self, struct weir_slice prefix, bool remove, weir_backend_visit_fn visit, void *state)
{
	return ops_of(self)->walk(self_of(self), prefix, remove, visit, state);
}

static void witness_stats(void *self, struct weir_backend_stats *stats)
{
	ops_of(self)->stats(self_of(self), stats);
}

static void witness_close(void *self)
{
	(void)self;
}

struct weir_backend *semantics_witness_init(struct semantics_witness *witness, struct weir_backend *backend, struct semantics_notes *notes)
{
	*witness = (struct semantics_witness){
		.ops = {
			.scheme = "witness",
			.flags = weir_backend_ops(backend)->flags,
			.get_many = witness_get_many,
			.set_many = witness_set_many,
			.remove = witness_remove,
			.clear = witness_clear,
			.lease_many = witness_lease_many,
			.walk = witness_walk,
			.stats = witness_stats,
			.close = witness_close,
		},
		.backend = backend,
		.notes = notes,
	};
	return weir_backend_wrap(&witness->ops, witness);
}
