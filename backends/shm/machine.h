/* SPDX-License-Identifier: Apache-2.0
 *
 * What a store has to know of the machine that it is on. Linux says it in files; where one cannot be read, the function says so.
 */
#ifndef WEIR_SHM_MACHINE_H
#define WEIR_SHM_MACHINE_H

#include "layout.h"

/* The random name of this boot of the machine, terminated, the rest zeros. False when /proc does not tell it. */
WEIR_MUST_CHECK bool weir_shm_machine_boot_id(char id[WEIR_SHM_BOOT_ID_SIZE]);

/* Bytes that this process could have at all: the machine's memory, or less when its control group (version 2) allows less. */
uint64_t weir_shm_machine_memory(void);

#endif
