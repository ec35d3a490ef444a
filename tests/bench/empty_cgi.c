/* SPDX-License-Identifier: Apache-2.0
 *
 * A CGI program that does nothing and links only libc: what starting any program costs, so that cgi_timer can say what weir adds.
 */
#include <stdio.h>

int main(void)
{
	printf("Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nempty\n");
	return 0;
}
