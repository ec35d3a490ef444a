/* SPDX-License-Identifier: Apache-2.0
 *
 * The arguments of a route's function, from its request.
 *
 * Each parameter of the function's table is looked for in the path, in the query, among the fields of a form and among the members of a
 * JSON object, in this order. Where none has it, it is left out: its default counts, or it is missing. What is there twice is a fault,
 * whether in one place or in two, for the client and the function would disagree on which one counts; only arrays and lists are made of
 * all that one place has under their name. Structs can only come from JSON. What the table does not name is ignored.
 *
 * The path of a fault begins with its place: "path.z", "query.page", "form.name", "body.items[3].price"; that of a missing one is the
 * parameter's name alone. A form or a JSON body that cannot be read at all is a fault at "form" or "body".
 */
#ifndef WEIR_CACHE_ARGUMENTS_H
#define WEIR_CACHE_ARGUMENTS_H

#include "cache/call.h"

struct weir_arguments {
	enum weir_status status;
	struct weir_faults faults; /* with ERR_INVALID */
};

/* For the call of a route with a function: sets call->arguments. The first call does the work, and all later ones say the same. ERR_INVALID
 * with call->taken->faults, ERR_MEMORY. */
WEIR_MUST_CHECK enum weir_status weir_call_take_arguments(struct weir_call *call);

#endif
