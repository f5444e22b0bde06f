/* SPDX-License-Identifier: BSD-3-Clause */
#include "base.h"

#include <arpa/inet.h>
#include <stdio.h>

const char *ip_str(const struct ip_addr *a, char buf[IP_STRLEN])
{
	if (a->family == IP_NONE ||
		inet_ntop(a->family == IP_V4 ? AF_INET : AF_INET6, a->b, buf, IP_STRLEN) == NULL)
		strcpy(buf, "-");
	return buf;
}

const char *udp_addr_str(const struct udp_addr *a, char buf[UDP_ADDR_STRLEN])
{
	char ip[IP_STRLEN];

	ip_str(&a->ip, ip);
	snprintf(buf, UDP_ADDR_STRLEN, a->ip.family == IP_V6 ? "[%s]:%u" : "%s:%u", ip, a->port);
	return buf;
}
