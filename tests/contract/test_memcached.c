/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract for the memcached+unix: driver: one server, at a socket.
 */
#include "memcached_contract.h"

int main(void)
{
	return weir_memcached_contract_main("memcached", 0);
}
