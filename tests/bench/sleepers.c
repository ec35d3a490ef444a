/* SPDX-License-Identifier: Apache-2.0
 *
 * What handlers that block can at best make on this machine: threads that sleep for a millisecond, again and again, and nothing else.
 *
 *     sleepers THREADS SECONDS
 *
 * Prints the sleeps a second of all together, and the CPU microseconds each sleep cost.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static atomic_bool over;
static atomic_ulong sleeps;

static void *sleep_on(void *arg)
{
	unsigned long n = 0;

	for (; !over; n++)
		usleep(1000);
	sleeps += n;
	return arg;
}

static double cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int main(int argc, char **argv)
{
	const int count = argc == 3 ? atoi(argv[1]) : 0;
	const double seconds = argc == 3 ? atof(argv[2]) : 0;
	pthread_t *threads = calloc((size_t)count + 1, sizeof(*threads));

	if (count <= 0 || !threads)
		return 2;
	for (int i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, sleep_on, NULL) != 0)
			return 1;
	usleep((useconds_t)(seconds * 1e6));
	over = true;
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	printf("%.0f %.2f\n", (double)sleeps / seconds, cpu_us() / (double)sleeps);
	return 0;
}
