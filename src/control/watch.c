/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/watch.h"

#include <stdio.h>

#include "log.h"

#define TELL_SECONDS 60
#define REASONS_TOLD 3

void watch_init(struct watch *w, struct dp *dp, const struct control_counts *counts)
{
	*w = (struct watch){.dp = dp, .counts = counts};
}

static void look_at_links(struct watch *w)
{
	struct dp_port_info p;

	for (unsigned int i = 0; i < dp_nb_ports(w->dp); i++) {
		dp_port_info(w->dp, i, &p);
		if (p.link_up != w->link_down[i])
			continue;
		w->link_down[i] = !p.link_up;
		if (p.link_up)
			log_info("port %s: link is up", p.name);
		else
			log_warn("port %s: link is down", p.name);
	}
}

static void look_at_workers(struct watch *w)
{
	struct dp_lcore_info l;

	for (unsigned int i = 0; i < dp_nb_workers(w->dp); i++) {
		uint64_t *word = &w->stuck[i / 64], bit = 1ull << i % 64;

		dp_lcore_info(w->dp, i, &l);
		if (l.stuck == ((*word & bit) != 0))
			continue;
		*word ^= bit;
		if (l.stuck)
			log_err("worker on lcore %u is stuck: a crypto device does not answer, or the "
				"lcore gets no CPU",
				l.lcore);
		else
			log_info("worker on lcore %u runs again", l.lcore);
	}
}

/* Told again only after a twentieth was free meanwhile, so that a full house does not chatter. */
static void look_at_peers(struct watch *w)
{
	uint32_t nb, max;

	dp_peers(w->dp, &nb, &max);
	if (!w->full && nb >= max) {
		w->full = true;
		log_warn("max-peers reached: %u peers, further clients are refused", nb);
	} else if (w->full && nb <= max - max / 20 && nb < max) {
		w->full = false;
		log_info("room for clients again: %u peers of %u", nb, max);
	}
}

/* --- once a minute ------------------------------------------------------------------------ */

/* A device's own noise (multicast, neighbour discovery) is no news. */
static bool is_noise(unsigned int reason)
{
	return strcmp(dp_drop_name(reason), "inner-multicast") == 0 ||
		strcmp(dp_drop_name(reason), "inner-not-ip") == 0;
}

/* The reason that grew most and is not in `but`; its growth. */
static uint64_t most(const uint64_t *grown, unsigned int n, unsigned int *reason)
{
	uint64_t found = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (grown[i] > found) {
			found = grown[i];
			*reason = i;
		}
	}
	return found;
}

static void tell_drops(struct watch *w)
{
	uint64_t now[DP_DROPS_MAX] = {0}, grown[DP_DROPS_MAX] = {0}, total = 0;
	unsigned int n = dp_nb_drops(), reason = 0, used = 0;
	char text[256] = "";

	dp_drops(w->dp, now);
	for (unsigned int i = 0; i < n; i++) {
		grown[i] = is_noise(i) ? 0 : now[i] - w->drops[i];
		total += grown[i];
		w->drops[i] = now[i];
	}
	if (total == 0)
		return;
	for (unsigned int k = 0; k <= REASONS_TOLD; k++) {
		uint64_t count = most(grown, n, &reason);

		if (count == 0)
			break;
		if (k == REASONS_TOLD) {
			snprintf(text + used, sizeof(text) - used, ", others");
			break;
		}
		used += (unsigned int)snprintf(text + used, sizeof(text) - used, "%s%s %llu",
			k == 0 ? "" : ", ", dp_drop_name(reason), (unsigned long long)count);
		grown[reason] = 0;
	}
	log_info("%llu packets dropped in the last minute: %s", (unsigned long long)total, text);
}

/* The agent's own, which are somebody's fault. */
static void tell_counts(struct watch *w)
{
	const struct control_counts *now = w->counts;
	struct control_counts *told = &w->told;

	if (now->openvpn_busy != told->openvpn_busy)
		log_warn("%llu control packets dropped because openvpn did not read them in time",
			(unsigned long long)(now->openvpn_busy - told->openvpn_busy));
	if (now->send_failed != told->send_failed)
		log_warn("the kernel refused %llu control packets of openvpn",
			(unsigned long long)(now->send_failed - told->send_failed));
	if (now->data_refused != told->data_refused)
		log_err("%llu data packets were about to reach openvpn",
			(unsigned long long)(now->data_refused - told->data_refused));
	*told = *now;
}

/* One peer stands for all with which it began in this minute, so that many make one line. */
static void tell_fragments(struct watch *w)
{
	struct dp_fragmenting_news n;
	char remote[UDP_ADDR_STRLEN], others[40] = "";

	if (!dp_fragmenting_news(w->dp, &n))
		return;
	if (n.others != 0)
		snprintf(others, sizeof(others), " (and %u other peers)", n.others);
	log_warn("peer %u at %s%s: %llu of %llu packets sent in a minute were fragmented: its path "
		 "takes %u bytes; write 'tun-mtu %u' in openvpn's configuration%s",
		n.peer_id, udp_addr_str(&n.remote, remote), others,
		(unsigned long long)n.fragmented, (unsigned long long)n.packets, n.path_mtu, n.fits,
		n.mssfix_off ? ", or 'mssfix: auto' in ovpn-dpdkd's" : "");
}

void watch_look(struct watch *w)
{
	look_at_links(w);
	look_at_workers(w);
	look_at_peers(w);
	if (++w->seconds % TELL_SECONDS == 0) {
		tell_counts(w);
		tell_drops(w);
		tell_fragments(w);
	}
}
