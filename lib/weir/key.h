/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys: what tells two calls apart.
 *
 * A key is a list of parts. It begins with prefix and namespace; a route's goes on with method and pattern, a function's with its name;
 * then come the parts of a key builder, and at last those that the rule asks for by `key_fields` and `key_cookies`. Each part says how long
 * it is, so no two lists of parts give one key, whatever a client sends.
 */
#ifndef WEIR_KEY_H
#define WEIR_KEY_H

#include <weir/request.h>

struct weir_key;

/* Adds what tells two calls apart to `key`. Anything but WEIR_OK means that this call is not cached, and is logged. `req` is the request in
 * which the call is made; of a function called outside of one NULL. weir_call_of_key() tells the rest. */
typedef enum weir_status (*weir_key_fn)(struct weir_key *key, struct weir_request *req, void *user_data);

/* The call that the key is made for: its function, arguments, rule (call.h). */
WEIR_API struct weir_call *weir_key_call(const struct weir_key *key);

/* The absent slice differs from the empty one. */
WEIR_API void weir_key_add(struct weir_key *key, struct weir_slice part);
WEIR_API void weir_key_add_text(struct weir_key *key, const char *part);

/* Adds a digest (SHA-256) of the part: for credentials and other secrets, which must not stand in a store in clear. */
WEIR_API void weir_key_add_secret(struct weir_key *key, struct weir_slice part);

/* -- Builders, to be named in a rule or called by builders of your own ------------------------------------------------------- */

/* Those that ask the request add as many parts to every key, absent ones where there is nothing to say, so that they may be combined.
 * Outside of a request they are ERR_STATE. */

/* The default of routes: host, path, query and body, as below. */
WEIR_API enum weir_status weir_key_request(struct weir_key *key, struct weir_request *req, void *user_data);

/* The default of functions: the arguments, converted and with their defaults filled in. */
WEIR_API enum weir_status weir_key_arguments(struct weir_key *key, struct weir_request *req, void *user_data);

/* The Host field, lower-cased. */
WEIR_API enum weir_status weir_key_host(struct weir_key *key, struct weir_request *req, void *user_data);

/* The canonical path. */
WEIR_API enum weir_status weir_key_path(struct weir_key *key, struct weir_request *req, void *user_data);

/* The query in canonical order, of it what the rule's `key_query` and `ignored_query` leave. */
WEIR_API enum weir_status weir_key_query(struct weir_key *key, struct weir_request *req, void *user_data);

/* Of a request with a body, whatever its method: Content-Type, and the body's digest. */
WEIR_API enum weir_status weir_key_body(struct weir_key *key, struct weir_request *req, void *user_data);

#endif
