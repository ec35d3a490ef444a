/* SPDX-License-Identifier: Apache-2.0
 *
 * What somebody else's program looks like who has libweir installed. It shares nothing with this tree.
 */
#include <weir/weir.h>

static enum weir_status greet(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return weir_response_text(res, "text/plain", "hello from outside\n");
}

static const struct weir_route routes[] = {
	{ .path = "/", .handler = greet },
	{ 0 },
};

int main(int argc, char **argv)
{
	return weir_main(argc, argv, &(struct weir_app_options){ .name = "greeter", .version = "4.5.6", .routes = routes });
}
