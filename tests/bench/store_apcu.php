<?php
/* SPDX-License-Identifier: Apache-2.0
 *
 * The load of store_load.h on APCu. The loop itself costs PHP as much as a fetch does, so the same loop with everything but the call is timed
 * beside each and taken off. Prints JSON: nanoseconds of a fetch among few keys and among all, and of a store that overwrites.
 */
const KEYS = 65536, HOT_KEYS = 256, VALUE_SIZE = 1024, SLICES = 63, STEPS = 4096;

$value = str_repeat('v', VALUE_SIZE);
mt_srand(1);
for ($i = 0; $i < KEYS; $i++) {
	$keys[] = sprintf('page:/item/%05u', $i);
	$order[] = mt_rand(0, KEYS - 1);
}
foreach ($keys as $key)
	apcu_store($key, $value);
foreach ($keys as $key)
	if (apcu_fetch($key) !== $value)
		exit("apcu: not there\n");

function median(array $values): float
{
	sort($values);
	return $values[intdiv(count($values), 2)];
}

function loop_ns(array $keys, array $order, int $wanted, int $from): float
{
	$begin = hrtime(true);
	for ($i = 0; $i < STEPS; $i++)
		$got = $keys[$order[$from + $i] % $wanted];
	return (hrtime(true) - $begin) / STEPS;
}

function fetch_ns(array $keys, array $order, int $wanted, int $from): float
{
	$begin = hrtime(true);
	for ($i = 0; $i < STEPS; $i++)
		$got = apcu_fetch($keys[$order[$from + $i] % $wanted]);
	return (hrtime(true) - $begin) / STEPS;
}

function store_ns(array $keys, array $order, int $wanted, int $from): float
{
	global $value;
	$own = $value;
	$begin = hrtime(true);
	for ($i = 0; $i < STEPS; $i++)
		apcu_store($keys[$order[$from + $i] % $wanted], $own);
	return (hrtime(true) - $begin) / STEPS;
}

function without_loop(callable $timed, array $keys, array $order, int $wanted): float
{
	for ($slice = 0; $slice < SLICES; $slice++) {
		$from = $slice * STEPS % KEYS;
		$ns[] = $timed($keys, $order, $wanted, $from) - loop_ns($keys, $order, $wanted, $from);
	}
	return median($ns);
}

printf("{\"hot_ns\": %.2f, ", without_loop('fetch_ns', $keys, $order, HOT_KEYS));
printf("\"random_ns\": %.2f, ", without_loop('fetch_ns', $keys, $order, KEYS));
printf("\"set_ns\": %.2f}\n", without_loop('store_ns', $keys, $order, KEYS));
