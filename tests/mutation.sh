#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Are the checks checked? Breaks each of them in a copy of the sources, one at a time, and runs the
# test that must notice. A check that can be broken without a failure is not tested. By hand, or by
# test.sh --tier mutation; needs root for the tier control only.

usage()
{
	cat <<-END
		usage: tests/mutation.sh [--list | --check] [WORD]...

		Each line of the table in this script names a check, a file, a sed program that breaks the
		check, and the test that must fail then. With WORDs only the lines that have one of them.

		  --list   the checks' names
		  --check  builds nothing: does each line still change what it means to, is its test there?
	END
}

set -u -o pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)

# check | file | sed | test, its arguments: as meson has them, or those that the program takes besides
# Behind a file's name: how many lines the sed changes, if more than it has commands.
table()
{
	cat <<-'END'
		authentication: the tag decides | dataplane/decap.c | s/p->job.status == AEAD_OK/true/ | component/test_decap cpu
		authentication: the tag decides (queue) | dataplane/decap.c | s/p->job.status == AEAD_OK/true/ | component/test_decap queue
		replay: look before decryption | dataplane/decap.c | s/replay_check(rx, run->pkts\[i\]->pktid)/REPLAY_FRESH/ | component/test_decap cpu
		replay: commit after it | dataplane/decap.c | s/replay_commit(rx, run->pkts/replay_check(rx, run->pkts/ | component/test_decap cpu
		replay: ids are remembered | crypto/replay.h | s/ .= 1ull << id % 64;/ \&= ~(1ull << id % 64);/ | unit/test_replay
		peer: of this id only | dataplane/peertab.h:2 | s/id & (PEERTAB_PAGE - 1)/id \& 15/ | component/test_decap cpu
		peer: of a burst all are compared | dataplane/decap.c | s/b->who\[i\] == b->who\[0\]/true/ | component/test_decap cpu
		key: a run's key is compared | dataplane/decap.c | s/pkts\[run.n\]->key == run.key/true/ | component/test_decap cpu
		source: IPv4 address | dataplane/decap.c | s/peer->has_vpn4 && memcmp(src, peer->vpn4, 4) == 0/peer->has_vpn4/ | component/test_decap cpu
		source: IPv6 address | dataplane/decap.c | s/peer->has_vpn6 && memcmp(src, peer->vpn6, 16) == 0/peer->has_vpn6/ | component/test_decap cpu
		source: a peer without addresses | dataplane/decap.c | s/family == IP_V4 && peer->has_vpn4/family == IP_V4/ | component/test_decap cpu
		source: iroutes of this peer only | dataplane/decap.c | s/fib_lookup(fib, family, src) == peer->id/true/ | component/test_decap cpu
		source: it is asked at all | dataplane/decap.c | s/!source_is_peers(.*inner_source(inner, family))/false/ | component/test_decap cpu
		source: martians | dataplane/decap.c | s/!inner_source_is_martian(src, family)/true/ | component/test_decap cpu
		inner: lengths of IPv4 | dataplane/inner.h | s/total >= hdr && total <= len/true/ | component/test_decap cpu
		inner: lengths of IPv6 | dataplane/inner.h | s/be16_load(p + 4) <= len - 40/true/ | component/test_decap cpu
		DATA never to openvpn: V2 | dataplane/classify.c | s/c->verdict = VERDICT_DATA/c->verdict = VERDICT_CONTROL/ | component/test_events cpu
		DATA never to openvpn: V1 | dataplane/classify.c | s/drop(c, DROP_DATA_V1)/c->verdict = VERDICT_CONTROL/ | component/test_events cpu
		DATA never to openvpn: short | dataplane/classify.c | s/drop(c, DROP_DATA_SHORT)/c->verdict = VERDICT_CONTROL/ | component/test_events cpu
		DATA never to openvpn: no such peer | dataplane/decap.c | s/drop_pkt(w, p, DROP_UNKNOWN_PEER)/worker_send_exception(w, pkt_mbuf(p))/ | component/test_events cpu
		DATA never to openvpn: the agent looks again | control/datagrams.c | s/opcode == P_DATA_V1 .. opcode == P_DATA_V2/false/ | control/test_agent
		errors: openvpn is told a few | control/datagrams.c | s/t->nb_errors == ERRORS_HZ/false/ | control/test_agent_errors
		errors: then the kernel keeps them | control/datagrams.c | s/ksock_listen(&s->k, false)/(void)s/ | control/test_agent_errors
		netlink: nests end where they say | control/nl.c | s/a.nla_len > len)/false)/ | unit/test_dco_ovpn
		netlink: TCP is refused | control/requests.c | s/!q->new_peer.has_remote/false/ | control/test_agent_families
		netlink: key ids have three bits | control/dco_ovpn.c | s/key_id > 7/false/ | unit/test_dco_ovpn
		netlink: nonce tails have eight bytes | control/dco_attrs.c | s/nl_attr_len(a\[KEY_DIR_NONCE_TAIL\]) != KEY_NONCE_TAIL_LEN/false/ | unit/test_dco_ovpn
		netlink: an id for sending is not ignored | control/dco_ovpn.c | s/tx_id != q->peer_id/false/ | unit/test_dco_ovpn
		netlink: PEER_SET moves nobody | control/dco_ovpn.c | s/a\[PEER_REMOTE_IPV4\] != NULL .. a\[PEER_REMOTE_IPV6\] != NULL/false/ | unit/test_dco_ovpn
		opcodes: others are dropped | dataplane/classify.c | s/drop(c, DROP_BAD_OPCODE)/c->verdict = VERDICT_CONTROL/ | component/test_decap cpu
		outer: UDP length | dataplane/classify.c | s/len < UDP_HDR_LEN .. len > l4_len/false/ | unit/test_classify
		outer: IPv4 checksum | dataplane/classify.c | s/c->local != NULL && !ip_ok/false/ | component/test_decap cpu
		limit: a network's share | dataplane/limit.c | s/return take(&l->sources\[slot\].*/return true;/ | unit/test_limit
		limit: all openers | dataplane/limit.c | s/!take(&l->openers, &l->all, now)/false/ | unit/test_limit
		limit: all strangers | dataplane/limit.c | s/return take(&l->strangers.*/return true;/ | unit/test_limit
		limit: peers are known | dataplane/limit.c | s/known_has(known, hash)/false/ | unit/test_limit
		limit: one session | dataplane/limit.c | s/return take(&l->sessions.*/return true;/ | unit/test_limit
		limit: an opener pays | dataplane/limit.c | s/if (spend(l, hash, now))/if (false)/ | unit/test_limit
		limit: and not for ever | dataplane/limit.c | s/p->credit--;// | unit/test_limit
		limit: and not for long | dataplane/limit.c | s/ .. (uint16_t)(time_of(l, now) - p->time) > l->lately// | unit/test_limit
		limit: slots have a secret | dataplane/source.h | s/low ^ s->word\[1\]/low ^ 7/ | unit/test_limit
		limit: it is asked | dataplane/decap.c | s/!limit_pass(.*/false) {/ | component/test_device cpu
		limit: new peers are known | dataplane/peer.c | s/known_add(&dp->known.*;// | component/test_device cpu
		limit: gone peers are not | dataplane/peer.c | s/known_remove(&dp->known.*;// | component/test_device cpu
		limit: shared by those who receive | dataplane/dp.c | s/receiving += .*/receiving += 1;/ | component/test_device cpu
		stalled device: keys wait for it | dataplane/worker.c | s/if (aead_inflight(w->aead) > 0) {/if (false) {/ | component/test_stall scheduler
		stalled device: others do not | dataplane/worker.c | s/ .. w->now < w->drain_again// | component/test_stall scheduler
		stalled device: nothing is freed under it | dataplane/dp.c | s/return left == 0;/return true;/ | component/test_stall scheduler
		stalled device: it is not waited for for ever | dataplane/worker.c | s/aead_inflight(w->aead) > 0 && rte_rdtsc() < until/aead_inflight(w->aead) > 0/ | component/test_stall scheduler
		stalled device: what it does not take is dropped | dataplane/encap.c | s/run_drop(w, run, taken, DROP_CRYPTO_FULL);// | component/test_stall scheduler
		device: jobs come back in their order | crypto/aead_queue.c | s/l->jobs\[l->tail++ % AEAD_LANE_SIZE\] = jobs\[i\]/l->jobs[l->tail++ % AEAD_LANE_SIZE] = jobs[n - 1 - i]/ | component/test_stall scheduler
		float: a forgery moves nothing | dataplane/decap.c | s/p->job.status == AEAD_OK/true/ | component/test_float cpu
		float: a replay moves nothing | dataplane/decap.c | s/replay_commit(rx, run->pkts\[i\]->pktid)/REPLAY_FRESH/ | component/test_float cpu
		float: nor what is too old | dataplane/decap.c | s/(verdicts\[i\] == REPLAY_FRESH)/(true)/ | component/test_float cpu
		float: late packets move nothing | dataplane/floats.c | s/!is_newest(p) .. //  | component/test_float cpu
		float: an undefined peer moves nothing | dataplane/floats.c | s/ .. is_of_undefined_peer(p)// | component/test_float cpu
		float: one proposal a second | dataplane/floats.c | s/w->now < atomic_load_explicit.*/false)/ | component/test_float cpu
		float: the remote's address is compared | dataplane/decap.c | s/!endpoint_is_flow(.*)/false/ | component/test_float cpu
		float: our own is, too | dataplane/endpoint.h | s/return memcmp(frame + 14 + 16, e->hdr + 14 + 12, 4) == 0/return true/ | component/test_float cpu
		float: and our port | dataplane/endpoint.h | s/ .. memcmp(theirs + 2, ours, 2) != 0// | component/test_float cpu
		float: not without end | dataplane/floats.c | s/!pay(p, rte_rdtsc())/false/ | component/test_float cpu
		float: workers know when not | dataplane/floats.c | s/from + cost - depth/0/ | component/test_float cpu
		float: nobody is at 0.0.0.0 | dataplane/floats.c | s/ .. inner_source_is_martian(.*))$/)/ | component/test_float cpu
		float: the new address is known | dataplane/floats.c | s/known_add(.*;// | component/test_float cpu
		float: the old address is not | dataplane/floats.c | s/known_remove(.*;// | component/test_float cpu
		float: not to where another peer is | control/ways.c | s/ .. is_taken(ws, w, &ev->remote, other)/ \&\& false/ | control/test_agent_float
		float: but to where one was | control/ways.c | s/ .. !info.gone// | control/test_agent_float
		float: nothing follows what was not done | control/ways.c | s/if (ret < 0) {/if (false) {/ | control/test_agent_float
		float: control packets have names, in | control/datagrams.c | s/!places_in(.*)) {/false) {/ | control/test_agent_float
		float: control packets have names, out | control/datagrams.c | s/!places_out(.*))$/false)/ | control/test_agent_float
		float: a name is of the socket's family, in | control/datagrams.c | s/!shim_addr_fits(.*)) {$/false) {/ | control/test_agent_float
		float: a name is of the socket's family, out | control/datagrams.c | s/!shim_addr_fits(&remote, s->k.family))$/false)/ | control/test_agent_float
		float: a newcomer has another name | control/places.c | s/\*remote = p->at;$/;/ | unit/test_places
		float: a newcomer's name leads back | control/iface.c | s/!places_out(.*)) {/false) {/ | control/test_agent_float
		float: 2.7 is told, and told later | control/notices.c | /^static void tell_floats/,/^}/ s/ret == -EAGAIN/false/ | control/test_agent_told
		float: names last until it has read | control/notices.c | s/ .. !sockets_notified(t))/)/ | control/test_agent_told
		float: and no longer | control/datagrams.c | s/^\tsockets_settle(t);/;/ | control/test_agent_told
		float: either name, meanwhile | control/places.c | s/ .. p->told)/)/ | unit/test_places
		float: answered from where it writes to | control/places.c | s/(p->told .. p->read)/false/ | unit/test_places
		path: a source that is gone is none | control/hostif_paths.c | s/hostif_ports_have(.*);$/true;/ | control/test_hostif_paths
		peer ids: those of the past take no memory | control/ways.c | s/if (--(\*leaf)->nb == 0)/if (false)/ | control/test_agent_ways
		float: aliases end with the peer | control/places.c | s/htab_del(&t->name, &p->by_name);// | unit/test_places
		undefined peer id: from where the peer is | dataplane/decap.c | s/ .. !pkt_is_from(p, only)// | component/test_float cpu
		undefined peer id: this one only | dataplane/decap.c | s/wire_peer_id(word) != WIRE_PEER_UNDEF .. // | component/test_float cpu
		undefined peer id: in p2p only | dataplane/peer.c | s/if (inst->mode == DP_MODE_P2P) {$/{/ | component/test_float cpu
		fragments: overlap | dataplane/frag.c | s/FIT_TWICE : FIT_NOT/FIT_TWICE : FIT_NEW/ | component/test_frag cpu
		fragments: equal pieces are equal | dataplane/frag.c | s/a->offset == b->offset && a->len == b->len/true/ | component/test_frag cpu
		fragments: and their bytes | dataplane/frag.c | s/rte_pktmbuf_mtod_offset(b->m, void \*, b->at), a->len) == 0/NULL, 0) == 0/ | component/test_frag cpu
		fragments: one end | dataplane/frag.c | s/d->total != 0 && (!more .. end > d->total)/false/ | component/test_frag cpu
		fragments: nothing behind the end | dataplane/frag.c | s/d->pieces\[i\].offset > p->offset/false/ | component/test_frag cpu
		fragments: conflicts are remembered | dataplane/frag.c | s/d->state = FRAG_DEAD;// | component/test_frag cpu
		fragments: a flood is bounded | dataplane/frag.c | s/w->frag.held >= FRAG_HELD_MAX/false/ | component/test_frag cpu
		fragments: they expire | dataplane/frag.c | s/w->now - d->born > w->frag.timeout/false/ | component/test_frag cpu
		fragments: the kernel's are its own | dataplane/frag.c | s/p->offset == 0 && !is_ours(locals, &d->key, p)/false/ | component/test_frag cpu
		fragments: ids are new, IPv4 | dataplane/encap.c | s/(uint16_t)(id + i)/(uint16_t)id/ | component/test_frag cpu
		fragments: ids are new, IPv6 | dataplane/frag.c | s/worker_ipid(w, e, 1)/7/ | component/test_frag cpu
		order: a p2p device has one worker | dataplane/state.h | s/inst->mode == DP_MODE_P2P)/false)/ | component/test_encap cpu
		fragments: old ids are thrown away | dataplane/ipid.h | s/now - s->end > IPID_OLD/false/ | unit/test_ipid
		fragments: ids are shared by workers | dataplane/state.h | s/ipid_take(&w->dp->ipids\[e->ipid\],/ipid_take(\&w->dp->ipids[w->index],/ | component/test_frag cpu
		mss: options past the end | dataplane/mss.c | s/tcp\[at + 1\] > end - at/false/ | unit/test_mss
		mss: options without length | dataplane/mss.c | s/tcp\[at + 1\] < 2/tcp[at + 1] < 1/ | unit/test_mss
		mss: the option's own length | dataplane/mss.c | s/tcp\[at + 1\] == MSS_LEN ? at : 0/at/ | unit/test_mss
		mss: later fragments, IPv4 | dataplane/mss.c | s/(be16_load(p + 6) & 0x1fff) != 0/false/ | unit/test_mss
		mss: later fragments, IPv6 | dataplane/mss.c | s/(be16_load(p + at + 2) & 0xfff8) != 0/false/ | unit/test_mss
		mss: lengths of IPv4 | dataplane/mss.c | s/total > len/false/ | unit/test_mss
		mss: lengths of IPv6 | dataplane/mss.c | s/be16_load(p + 4) > len - IP6_HDR_LEN/false/ | unit/test_mss
		mss: lengths of extension headers | dataplane/mss.c | s/hdr > end - at/false/ | unit/test_mss
		mss: lengths of TCP | dataplane/mss.c | s/end > s.len/false/ | unit/test_mss
		mss: SYN alone | dataplane/mss.c | s/(s.p\[13\] & (TCP_SYN . TCP_RST)) != TCP_SYN/false/ | unit/test_mss
		mss: never raised | dataplane/mss.c | s/old <= mss/false/ | unit/test_mss
		mss: checksum at odd places | dataplane/mss.c | s/at % 2 != 0/false/ | unit/test_mss
		mss: clamped inward | dataplane/decap.c | s/if (mss_may_be_said(inner, len))/if (false)/ | component/test_path cpu
		mss: clamped outward | dataplane/encap.c | s/if (mss_may_be_said(.*/if (false)/ | component/test_path cpu
		mss: off is off | dataplane/segment.c | s/w->dp->mssfix_off/false/ | component/test_path cpu
		ecn: a mark that nobody would see drops | dataplane/decap.c | s/!tos_decap(inner, family, p->tos_outer)/(tos_decap(inner, family, p->tos_outer), false)/ | component/test_path cpu
		ecn: marks are carried inward | dataplane/decap.c | s/tos_matters(p->tos_outer)/false/ | component/test_path cpu
		ecn: the table | dataplane/tos.c:2 | s/= DROP/= ECN_NONE/ | unit/test_tos
		ecn: the checksum follows | dataplane/tos.c | s/checksum_replace(p + 10, old, new)// | unit/test_tos
		ecn: a mark on a piece | dataplane/frag.c | s/if ((d->ecns & 1 << ECN_CE) != 0)/if (false)/ | component/test_path cpu
		ecn: pieces that contradict each other | dataplane/frag.c | s/if (is_unmarkable(d))/if (false)/ | component/test_path cpu
		mtu: a device's has room | control/hostif_device.c | s/if (mtu > most)/if (false)/ | control/test_hostif_device
		key: blocks sent are counted | dataplane/encap.c | s/key_count_tx(key, blocks);// | component/test_limits cpu
		key: blocks received are counted | dataplane/decap.c | s/key_count_rx(run->key, blocks);/(void)blocks;/ | component/test_limits cpu
		key: blocks are rounded up | crypto/key.h | s/(len + 15u) . 16/len \/ 16/ | component/test_limits cpu
		key: asked for by packets | crypto/key.c | s/pktid_used(&k->tx) >= KEY_PACKETS_ASK/false/ | component/test_limits cpu
		key: asked for by blocks sent | crypto/key.c | s/tx > KEY_BLOCKS_ASK/false/ | component/test_limits cpu
		key: asked for by blocks received | crypto/key.c | s/rx > KEY_BLOCKS_ASK/false/ | component/test_limits cpu
		key: packets count beside blocks | crypto/key.c | s/tx += pktid_used(&k->tx);// | component/test_limits cpu
		key: asked for by failures | crypto/key.c | s/> KEY_FAILED_ASK/> KEY_FAILED_MAX/ | component/test_limits cpu
		key: refused after too many | dataplane/decap.c | s/if (key_is_refused(run.key))/if (false)/ | component/test_limits cpu
		key: asked for once | dataplane/wear.c | s/now_ms - k->asked_ms < WEAR_ASK_AGAIN_MS/false/ | component/test_limits cpu
		key: not if it is good meanwhile | dataplane/wear.c | s/key_wear(k) != KEY_GOOD) {/true) {/ | component/test_limits cpu
		key: exhausted, its peer ends | dataplane/liveness.c | s/wear_check(dp, inst, p, dp_now_ms())/false/ | component/test_limits cpu
		key: exhausted, its successor is used | dataplane/wear.c | s/newest->generation <= k->generation/true/ | component/test_limits cpu
		key: asked for when somebody listens | control/notices.c:2 | s/if (ret == -EAGAIN)/if (0)/ | control/test_agent_families
		nonce: ids end | crypto/pktid.c | s/if (id > p->limit)/if (0)/; s/memory_order_relaxed) > p->limit)/memory_order_relaxed) > p->limit + 99)/ | unit/test_pktid
		nonce: a closed key gives none | crypto/pktid.c | s/next, p->limit + 1, mem/next, 1, mem/ | unit/test_pktid
		nonce: a key installed twice is one | dataplane/wear.c | s/first = pktid_close(&same->tx);/first = 1;/ | component/test_limits cpu
		nonce: a key removed is remembered | dataplane/wear.c | s/first = RTE_MAX(first, w->keys.i..first_id);/;/ | component/test_limits cpu
		nonce: a peer's end, too | dataplane/peer.c | s/^\tremember_keys(dp, p);// | component/test_limits cpu
		nonce: its tail belongs to a key | dataplane/wear.c | s/memcpy(&words.AEAD_KEY_MAX.*;// | component/test_limits cpu
		replay: a key installed twice is one | dataplane/wear.c | s/top = received(same);/;/ | component/test_limits cpu
		replay: a key removed is remembered | dataplane/wear.c | s/top = RTE_MAX(top, .*;/;/ | component/test_limits cpu
		goodbye: authenticated | dataplane/decap.c | s/p->job.status == AEAD_OK/true/ | component/test_limits cpu
		goodbye: not seen before | dataplane/decap.c | s/replay_check(rx, run->pkts\[i\]->pktid)/REPLAY_FRESH/; s/replay_commit(rx, run->pkts.*pktid)/REPLAY_FRESH/ | component/test_limits cpu
		goodbye: its length | dataplane/inner.c | s/len == sizeof(occ) + 1/len > sizeof(occ)/ | component/test_limits cpu
		goodbye: its word | dataplane/inner.c | s/p.sizeof(occ). == OCC_EXIT/true/ | component/test_limits cpu
		silence: what waits is heard first | dataplane/hearing.c | s/if (!has_caught_up(dp, i, now))/if (false)/ | component/test_limits cpu
		silence: up to the mark | dataplane/hearing.c | s/hear(&dp->hearing, dp->hearing.mark)/hear(\&dp->hearing, now)/ | component/test_limits cpu
		silence: a busy worker's queues | dataplane/hearing.c | s/>= TURNS_BUSY &&/>= 1 \&\&/ | component/test_limits cpu
		silence: a stall is none | dataplane/hearing.c | s/silence -= RTE_MIN.*;/;/ | component/test_limits cpu
		silence: many stalls | dataplane/hearing.c | s/h->deaf.1..length += h->deaf.0..length;// | component/test_limits cpu
		keepalive: one ping at a time | dataplane/liveness.c | s/p->pinged = now;/;/ | component/test_limits cpu
	END
}

# trim VARIABLE...: no blanks at either end.
trim()
{
	local -n text

	for text in "$@"; do
		text=${text#"${text%%[![:space:]]*}"}
		text=${text%"${text##*[![:space:]]}"}
	done
}

# rows: name, file, number of lines, sed and test of each line that was asked for, in tabs.
rows()
{
	local line name file program test lines word

	while IFS= read -r line; do
		for word in "${words[@]}"; do
			[[ $line != *"$word"* ]] || break
		done
		[ ${#words[@]} = 0 ] || [[ $line == *"$word"* ]] || continue
		IFS='|' read -r name file program test <<<"$line"
		trim name file program test
		lines=1
		if [[ $file == *:* ]]; then
			lines=${file#*:}
		else # one for each command
			word=${program//; s?/}
			lines=$((1 + (${#program} - ${#word}) / 4))
		fi
		printf '%s\t%s\t%s\t%s\t%s\n' "$name" "src/${file%:*}" "$lines" "$program" "$test"
	done < <(table)
}

# changes NAME FILE LINES SED TEST: is the row what it was when it was written?
changes()
{
	local name=$1 file=$2 lines=$3 program=$4 test=${5%% *} n

	if [ ! -f "$ROOT/$file" ]; then
		echo "NO FILE     $name: $file"
		return 1
	fi
	if [ ! -f "$ROOT/tests/$test.c" ] && [ ! -f "$ROOT/tests/$test" ]; then
		echo "NO TEST     $name: tests/$test"
		return 1
	fi
	n=$(sed "$program" "$ROOT/$file" | diff - "$ROOT/$file" | grep -c '^<')
	if [ "$n" != "$lines" ]; then
		echo "CHANGES     $name: $n lines of $file, not $lines: $program"
		return 1
	fi
}

check()
{
	local faults=0 n=0 row

	while IFS=$'\t' read -r -a row; do
		n=$((n + 1))
		changes "${row[@]}" || faults=$((faults + 1))
	done < <(rows)
	echo "$n rows, $faults stale"
	[ "$n" -gt 0 ] && [ "$faults" = 0 ]
}

# How meson would run the tests, by the names of the table: what is built for it, its environment,
# its command.
declare -A targets environment command
read_tests()
{
	local key needs env cmd

	while IFS=$'\t' read -r key needs env cmd; do
		targets[$key]=$needs environment[$key]=$env command[$key]=$cmd
	done < <(jq -r --slurpfile targets "$T/build/meson-info/intro-targets.json" --arg build "$T/build/" \
		--arg tests "$T/tree/tests/" '
		($targets[0] | map({key: .id, value: (.filename[0] | ltrimstr($build))}) | from_entries) as $file
		| .[] | (.cmd[0] | endswith(".sh")) as $script
		| [ (if $script then .cmd[0:1] else .cmd end | join(" ") | ltrimstr($build + "tests/") | ltrimstr($tests)),
			(.depends | map($file[.]) | join(" ")),
			(.env | to_entries | map(.key + "=" + .value) | join(" ") | if . == "" then "A=" else . end),
			(.cmd | join(" ")) ] | join("\t")' "$T/build/meson-info/intro-tests.json")
}

# known TEST: with arguments that meson does not give it, it is the test without them.
known()
{
	local whole=${1%% *}

	[ -z "${targets[$1]:-}" ] && [ -n "${targets[$whole]:-}" ] || return 0
	targets[$1]=${targets[$whole]} environment[$1]=${environment[$whole]}
	command[$1]="${command[$whole]} ${1#* }"
}

build()
{
	# shellcheck disable=SC2086
	ninja -C "$T/build" ${targets[$1]} >"$T/log" 2>&1
}

# run TEST: a broken build may hang, so it has its time, and some more.
run()
{
	# shellcheck disable=SC2086
	{
		(set -f && cd "$T/build" && env ${environment[$1]} timeout -k 5 "${allowed[$1]:-120}" ${command[$1]}) \
			>"$T/log" 2>&1 </dev/null
	} 2>/dev/null # bash tells of crashes
}

# passes TEST: with nothing broken it must.
declare -A allowed
passes()
{
	local start=$SECONDS

	[ -z "${allowed[$1]:-}" ] || return 0
	build "$1" && run "$1" && allowed[$1]=$(((SECONDS - start) * 3 + 20))
}

# try NAME FILE LINES SED TEST: true if the test fails with the check broken.
try()
{
	local name=$1 file=$2 program=$4 test=$5 status start=$SECONDS

	known "$test"
	if [ -z "${targets[$test]:-}" ]; then
		echo "NO TEST     $name: $test"
		return 1
	fi
	if ! passes "$test"; then
		echo "FAILS       $name: $test, with nothing broken"
		tail -n 5 "$T/log"
		return 1
	fi
	sed -i "$program" "$T/tree/$file"
	if cmp -s "$T/$file" "$T/tree/$file"; then
		echo "NO CHANGE   $name: the code is not what the table expects"
		return 1
	fi
	if ! build "$test"; then
		echo "NO BUILD    $name"
		grep -m 3 error "$T/log"
		return 1
	fi
	run "$test"
	status=$?
	case $status in
	0)
		echo "NOT NOTICED $name: $test passes"
		return 1
		;;
	124 | 137) status="it hangs" ;;
	1[3-9][0-9]) status="signal $((status - 128))" ;; # a crash is as good as a failure
	*) status="$(grep -E "^(\[  (FAILED|ERROR ) +\] [a-z]|not ok|FAIL)" "$T/log" | sort -u | wc -l) failures" ;;
	esac
	echo "noticed     $name ($status, $((SECONDS - start)) s)"
}

words=()
only_check=
while [ $# -gt 0 ]; do
	case $1 in
	--list)
		table | cut -d '|' -f 1
		exit 0
		;;
	--check) only_check=yes ;;
	--help | -h)
		usage
		exit 0
		;;
	-*)
		usage >&2
		exit 2
		;;
	*) words+=("$1") ;;
	esac
	shift
done
if [ -n "$only_check" ]; then
	check
	exit
fi

T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
export RUNTIME_DIRECTORY=$T # of DPDK: what fails does not tidy up
trap 'exit 130' INT TERM
# meson takes ccache if it is there; its entries shall do for another folder, too
export CCACHE_BASEDIR=$T CCACHE_NOHASHDIR=1
mkdir "$T/tree"
(cd "$ROOT" && tar -c --exclude="./build*" --exclude=./.git .) | tar -x -C "$T/tree" || exit 1
cp -a "$T/tree/src" "$T/src" # as it is, whatever happens to the checkout meanwhile
# without optimisation it builds faster, and -Werror would refuse what a broken check leaves unused
meson setup "$T/build" "$T/tree" -Doptimization=0 -Ddebug=false -Db_ndebug=false -Dtests=enabled \
	>"$T/log" 2>&1 || {
	tail -n 20 "$T/log"
	exit 1
}
read_tests
noticed=0
missed=0
while IFS=$'\t' read -r -a row; do
	if try "${row[@]}"; then
		noticed=$((noticed + 1))
	else
		missed=$((missed + 1))
	fi
	cp "$T/${row[1]}" "$T/tree/${row[1]}"
done < <(rows)
echo "$noticed broken checks noticed, $missed not, $((SECONDS / 60)) min $((SECONDS % 60)) s"
[ "$missed" = 0 ]
