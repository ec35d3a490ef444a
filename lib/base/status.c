/* SPDX-License-Identifier: Apache-2.0
 *
 * Names and words for a status, made from the one table in the header, so that a new status cannot be forgotten here.
 */
#include <weir/status.h>

const char *weir_status_text(enum weir_status status)
{
	switch (status) {
#define X(name, value, text) \
	case name: \
		return text;
		WEIR_STATUS_TABLE(X)
#undef X
	}
	return "unknown status";
}

const char *weir_status_name(enum weir_status status)
{
	switch (status) {
#define X(name, value, text) \
	case name: \
		return #name;
		WEIR_STATUS_TABLE(X)
#undef X
	}
	return "unknown status";
}
