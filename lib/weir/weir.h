/* SPDX-License-Identifier: Apache-2.0
 *
 * All of weir's public headers for applications. Drivers of cache backends also include <weir/backend_driver.h>, tests <weir/testing.h>.
 */
#ifndef WEIR_WEIR_H
#define WEIR_WEIR_H

#include <weir/app.h>
#include <weir/call.h>
#include <weir/coder.h>
#include <weir/function.h>
#include <weir/json.h>
#include <weir/upload.h>

#endif
