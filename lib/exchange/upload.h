/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of an upload that is read part by part.
 */
#ifndef WEIR_EXCHANGE_UPLOAD_H
#define WEIR_EXCHANGE_UPLOAD_H

#include <weir/upload.h>

struct weir_upload {
	struct weir_request *req;
	struct weir_multipart *parser;
	struct weir_slice input; /* what the parser has not seen yet */
	bool streamed;
	bool in_part;
	enum weir_status failed; /* OK, or what comes at every call */
	char room[];             /* for the input of a streamed body */
};

#endif
