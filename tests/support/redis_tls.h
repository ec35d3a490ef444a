/* SPDX-License-Identifier: Apache-2.0
 *
 * A redis-server that speaks TLS, beside the plain port that tests tell it things by, with certificates that are made for one test by the
 * program openssl.
 */
#ifndef WEIR_TESTS_REDIS_TLS_H
#define WEIR_TESTS_REDIS_TLS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/redis_server.h"

struct weir_redis_tls_setup {
	struct weir_scratch scratch;          /* certificates: NAME.pem, and their keys: NAME.key */
	char port[8];                         /* that speaks TLS, on 127.0.0.1 */
	char cert[128], key[128], known[128]; /* the server's files, and the certificate of the client that it knows */
	const char *options[16];              /* for weir_redis_servers_start() */
};

/* A certificate that has signed itself, for those hosts ("IP:127.0.0.1,DNS:localhost"). Fails the program when it cannot be made. */
static inline void weir_redis_tls_certify(struct weir_scratch *scratch, const char *name, const char *hosts)
{
	char command[600];

	(void)snprintf(command, sizeof(command),
		       "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=%s "
		       "-addext subjectAltName=%s -keyout %s/%s.key -out %s/%s.pem 2>%s/errors",
		       name, hosts, scratch->folder, name, scratch->folder, name, scratch->folder);
	if (system(command) == 0)
		return;
	(void)fprintf(stderr, "openssl makes no certificate\n");
	abort();
}

/* `clients`: "yes" when they are to show the certificate "client", else "no". Certificates: "server", of this host; "other", of another;
 * "client". */
static inline void weir_redis_tls_setup(struct weir_redis_tls_setup *setup, const char *clients)
{
	const char *const options[] = { "--tls-port", setup->port,          "--tls-cert-file", setup->cert,          "--tls-key-file",
					setup->key,   "--tls-ca-cert-file", setup->known,      "--tls-auth-clients", clients,
					NULL };

	memset(setup, 0, sizeof(*setup));
	weir_scratch_init(&setup->scratch);
	weir_redis_tls_certify(&setup->scratch, "server", "IP:127.0.0.1,DNS:localhost");
	weir_redis_tls_certify(&setup->scratch, "other", "IP:127.0.0.2,DNS:other.example");
	weir_redis_tls_certify(&setup->scratch, "client", "DNS:client.example");
	(void)snprintf(setup->port, sizeof(setup->port), "%u", weir_server_free_port());
	(void)snprintf(setup->cert, sizeof(setup->cert), "%s", weir_scratch_file(&setup->scratch, "server.pem"));
	(void)snprintf(setup->key, sizeof(setup->key), "%s", weir_scratch_file(&setup->scratch, "server.key"));
	(void)snprintf(setup->known, sizeof(setup->known), "%s", weir_scratch_file(&setup->scratch, "client.pem"));
	memcpy(setup->options, options, sizeof(options));
}

#endif
