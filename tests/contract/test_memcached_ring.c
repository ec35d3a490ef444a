/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract for the memcached: driver: a ring of three servers, each a keeper of the clear clock.
 */
#include "memcached_contract.h"

int main(void)
{
	return weir_memcached_contract_main("memcached ring", 3);
}
