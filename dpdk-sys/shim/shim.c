/* See shim.h. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <rte_mempool.h>
#include <rte_prefetch.h>
#include <rte_ring.h>
#include <rte_version.h>

#include "shim.h"

#if RTE_VERSION < RTE_VERSION_NUM(22, 11, 0, 0)
#error "squall needs DPDK 22.11 or later"
#endif

/* ---- process ---------------------------------------------------------------------------- */

int squall_errno(void)
{
	return rte_errno;
}

int squall_thread_is_registered(void)
{
	return rte_lcore_id() != LCORE_ID_ANY;
}

static void (*log_sink)(const char *text, size_t len);

static ssize_t log_write(void *cookie, const char *text, size_t len)
{
	(void)cookie;
	log_sink(text, len);
	return (ssize_t)len;
}

int squall_log_to(void (*sink)(const char *text, size_t len))
{
	cookie_io_functions_t functions = { .write = log_write };
	FILE *stream;

	log_sink = sink;
	stream = fopencookie(NULL, "w", functions);
	if (stream == NULL)
		return -1;
	setvbuf(stream, NULL, _IOLBF, BUFSIZ);
	return rte_openlog_stream(stream);
}

const char *squall_pmd_path(void)
{
#ifdef RTE_EAL_PMD_PATH
	return RTE_EAL_PMD_PATH;
#else
	return "";
#endif
}

uint64_t squall_tsc(void)
{
	return rte_rdtsc();
}

uint64_t squall_tsc_ordered(void)
{
	return rte_rdtsc_precise();
}

/* ---- offloads and RSS ------------------------------------------------------------------- */

const uint64_t squall_rx_offload_timestamp = RTE_ETH_RX_OFFLOAD_TIMESTAMP;
const uint64_t squall_rx_offload_scatter = RTE_ETH_RX_OFFLOAD_SCATTER;
const uint64_t squall_tx_offload_send_on_timestamp = RTE_ETH_TX_OFFLOAD_SEND_ON_TIMESTAMP;
const uint64_t squall_rss_l3 = RTE_ETH_RSS_IP;
const uint64_t squall_rss_l4_udp = RTE_ETH_RSS_UDP;

/* ---- ports ------------------------------------------------------------------------------ */

int squall_port_info(uint16_t port, struct squall_port_info *out)
{
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
	int ret;

	memset(out, 0, sizeof(*out));
	ret = rte_eth_dev_info_get(port, &info);
	if (ret != 0)
		return ret;
	out->driver = info.driver_name;
	if (info.device != NULL && rte_dev_bus(info.device) != NULL)
		out->bus = rte_bus_name(rte_dev_bus(info.device));
	out->rx_offloads = info.rx_offload_capa;
	out->tx_offloads = info.tx_offload_capa;
	out->rss_types = info.flow_type_rss_offloads;
	out->if_index = info.if_index;
	out->speed_capa = info.speed_capa;
	out->max_rx_pktlen = info.max_rx_pktlen;
	out->socket = rte_eth_dev_socket_id(port);
	out->min_mtu = info.min_mtu;
	out->max_mtu = info.max_mtu;
	out->max_rx_queues = info.max_rx_queues;
	out->max_tx_queues = info.max_tx_queues;
	if (rte_eth_macaddr_get(port, &mac) == 0)
		memcpy(out->mac, mac.addr_bytes, sizeof(out->mac));
	return 0;
}

int squall_port_configure(uint16_t port, const struct squall_port_conf *conf)
{
	struct rte_eth_conf eth;

	memset(&eth, 0, sizeof(eth));
	eth.rxmode.mtu = conf->mtu;
	eth.rxmode.offloads = conf->rx_offloads;
	eth.txmode.offloads = conf->tx_offloads;
	if (conf->rss_types != 0) {
		eth.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		eth.rx_adv_conf.rss_conf.rss_hf = conf->rss_types;
	}
	return rte_eth_dev_configure(port, conf->rx_queues, conf->tx_queues, &eth);
}

int squall_rx_queue_setup(uint16_t port, uint16_t queue, uint16_t descriptors, int socket,
			  uint64_t offloads, struct rte_mempool *pool)
{
	struct rte_eth_dev_info info;
	struct rte_eth_rxconf conf;
	int ret;

	ret = rte_eth_dev_info_get(port, &info);
	if (ret != 0)
		return ret;
	conf = info.default_rxconf;
	conf.offloads = offloads;
	return rte_eth_rx_queue_setup(port, queue, descriptors, (unsigned int)socket, &conf, pool);
}

int squall_tx_queue_setup(uint16_t port, uint16_t queue, uint16_t descriptors, int socket,
			  uint64_t offloads)
{
	struct rte_eth_dev_info info;
	struct rte_eth_txconf conf;
	int ret;

	ret = rte_eth_dev_info_get(port, &info);
	if (ret != 0)
		return ret;
	conf = info.default_txconf;
	conf.offloads = offloads;
	return rte_eth_tx_queue_setup(port, queue, descriptors, (unsigned int)socket, &conf);
}

int squall_pfc_obey(uint16_t port, uint8_t priority)
{
	struct rte_eth_pfc_conf conf;

	memset(&conf, 0, sizeof(conf));
	/* Drivers check the water marks of frames to be sent even where none are. */
	if (rte_eth_dev_flow_ctrl_get(port, &conf.fc) != 0 || conf.fc.high_water <= conf.fc.low_water) {
		conf.fc.high_water = 0x80;
		conf.fc.low_water = 0x40;
		conf.fc.pause_time = 0x680;
	}
	conf.fc.mode = RTE_ETH_FC_RX_PAUSE;
	conf.priority = priority;
	return rte_eth_dev_priority_flow_ctrl_set(port, &conf);
}

int squall_pfc_obey_queue(uint16_t port, uint16_t queue, uint8_t priority)
{
	struct rte_eth_pfc_queue_conf conf;

	memset(&conf, 0, sizeof(conf));
	conf.mode = RTE_ETH_FC_RX_PAUSE;
	conf.rx_pause.tx_qid = queue;
	conf.rx_pause.tc = priority;
	return rte_eth_dev_priority_flow_ctrl_queue_configure(port, &conf);
}

int squall_link_get(uint16_t port, struct squall_link *out)
{
	struct rte_eth_link link;
	int ret;

	memset(&link, 0, sizeof(link));
	ret = rte_eth_link_get_nowait(port, &link);
	if (ret != 0)
		return ret;
	out->mbps = link.link_speed;
	out->up = link.link_status == RTE_ETH_LINK_UP;
	return 0;
}

void squall_port_abilities(uint16_t port, struct squall_port_abilities *out)
{
	struct rte_eth_pfc_queue_info pfc;
	struct rte_eth_fc_conf flow;
	struct timespec time;
	uint64_t clock;

	memset(out, 0, sizeof(*out));
	memset(&pfc, 0, sizeof(pfc));
	memset(&flow, 0, sizeof(flow));
	out->timesync = rte_eth_timesync_read_time(port, &time) == 0;
	out->read_clock = rte_eth_read_clock(port, &clock) == 0;
	out->flow_control = rte_eth_dev_flow_ctrl_get(port, &flow) == 0;
	out->priority_flow_control =
		rte_eth_dev_priority_flow_ctrl_queue_info_get(port, &pfc) == 0;
}

int squall_timesync_enable(uint16_t port)
{
	return rte_eth_timesync_enable(port);
}

int squall_timesync_disable(uint16_t port)
{
	return rte_eth_timesync_disable(port);
}

static int nanos_of(int ret, const struct timespec *time, uint64_t *nanos)
{
	if (ret == 0)
		*nanos = (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
	return ret;
}

int squall_timesync_time(uint16_t port, uint64_t *nanos)
{
	struct timespec time = { 0 };

	return nanos_of(rte_eth_timesync_read_time(port, &time), &time, nanos);
}

int squall_timesync_tx_stamp(uint16_t port, uint64_t *nanos)
{
	struct timespec time = { 0 };

	return nanos_of(rte_eth_timesync_read_tx_timestamp(port, &time), &time, nanos);
}

int squall_timesync_rx_stamp(uint16_t port, uint32_t flags, uint64_t *nanos)
{
	struct timespec time = { 0 };

	return nanos_of(rte_eth_timesync_read_rx_timestamp(port, &time, flags), &time, nanos);
}

int squall_read_clock(uint16_t port, uint64_t *ticks)
{
	return rte_eth_read_clock(port, ticks);
}

/* ---- mbufs ------------------------------------------------------------------------------ */

int squall_timestamp_offset;
uint64_t squall_tx_timestamp_flag;
static uint64_t rx_timestamp_flag;

static inline rte_mbuf_timestamp_t *timestamp_of(struct rte_mbuf *mbuf)
{
	return RTE_MBUF_DYNFIELD(mbuf, squall_timestamp_offset, rte_mbuf_timestamp_t *);
}

int squall_timestamps_register(void)
{
	int ret;

	ret = rte_mbuf_dyn_rx_timestamp_register(&squall_timestamp_offset, &rx_timestamp_flag);
	if (ret == 0)
		ret = rte_mbuf_dyn_tx_timestamp_register(&squall_timestamp_offset, &squall_tx_timestamp_flag);
	return ret == 0 ? 0 : -rte_errno;
}

struct prefill {
	const uint8_t *bytes;
	size_t len;
};

static void prefill_one(struct rte_mempool *pool, void *argument, void *object, unsigned int index)
{
	const struct prefill *prefill = argument;
	struct rte_mbuf *mbuf = object;

	(void)index;
	memset(rte_mbuf_to_priv(mbuf), 0, rte_pktmbuf_priv_size(pool));
	memcpy(rte_pktmbuf_mtod(mbuf, uint8_t *), prefill->bytes, prefill->len);
}

void squall_pool_prefill(struct rte_mempool *pool, const uint8_t *bytes, size_t len)
{
	struct prefill prefill = { .bytes = bytes, .len = len };

	rte_mempool_obj_iter(pool, prefill_one, &prefill);
}

int squall_tx_take(struct rte_mempool *pool, struct rte_mbuf **mbufs, unsigned int n)
{
	return rte_mempool_get_bulk(pool, (void **)mbufs, n);
}

/*
 * A freed mbuf has refcnt 1, no next and one segment (rte_pktmbuf_prefree_seg), and in a pool that
 * only ever sends, nothing moves the data or asks for an offload: lengths and flags are all that a
 * frame changes. The flags are written because whoever held the mbuf last may have set some (a
 * departure time, or the far end of a net_ring an arrival).
 */
static inline void set_frame(struct rte_mbuf *mbuf, uint16_t len, uint64_t flags)
{
	mbuf->ol_flags = flags;
	mbuf->pkt_len = len;
	mbuf->data_len = len;
}

uint16_t squall_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs,
			 const uint16_t *lens, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n; i++)
		set_frame(mbufs[i], lens[i], 0);
	return rte_eth_tx_burst(port, queue, mbufs, n);
}

uint16_t squall_tx_burst_timed(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs,
			       const uint16_t *lens, const uint64_t *departures, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		set_frame(mbufs[i], lens[i], squall_tx_timestamp_flag);
		*timestamp_of(mbufs[i]) = departures[i];
	}
	return rte_eth_tx_burst(port, queue, mbufs, n);
}

uint16_t squall_tx_burst_ptp(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs,
			     const uint16_t *lens, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n; i++)
		set_frame(mbufs[i], lens[i], RTE_MBUF_F_TX_IEEE1588_TMST);
	return rte_eth_tx_burst(port, queue, mbufs, n);
}

uint16_t squall_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs,
			 struct squall_rx_view *views, uint16_t n)
{
	uint16_t got = rte_eth_rx_burst(port, queue, mbufs, n);
	uint16_t i;

	for (i = 0; i < got; i++) {
		struct rte_mbuf *mbuf = mbufs[i];
		struct squall_rx_view *view = &views[i];

		view->data = rte_pktmbuf_mtod(mbuf, const uint8_t *);
		/* The headers and the stamp lie in the first two cache lines. */
		rte_prefetch0(view->data);
		rte_prefetch0(view->data + RTE_CACHE_LINE_SIZE);
		view->data_len = mbuf->data_len;
		view->pkt_len = mbuf->pkt_len;
		view->segments = mbuf->nb_segs;
		view->has_timestamp = (mbuf->ol_flags & rx_timestamp_flag) != 0;
		if (view->has_timestamp)
			view->timestamp = *timestamp_of(mbuf);
		view->ptp = mbuf->ol_flags & RTE_MBUF_F_RX_IEEE1588_TMST ? mbuf->timesync : 0;
	}
	return got;
}

int squall_mbuf_copy(const struct rte_mbuf *mbuf, uint8_t *out, uint32_t len)
{
	const void *bytes = rte_pktmbuf_read(mbuf, 0, len, out);

	if (bytes == NULL)
		return -1;
	if (bytes != out)
		memcpy(out, bytes, len);
	return 0;
}

/* ---- rings of our own, one frame at a time ----------------------------------------------- */

struct rte_ring *squall_ring_create(const char *name, unsigned int depth)
{
	return rte_ring_create(name, depth, SOCKET_ID_ANY,
			       RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
}

struct rte_mbuf *squall_ring_take(struct rte_ring *ring)
{
	void *mbuf;

	if (rte_ring_sc_dequeue(ring, &mbuf) != 0)
		return NULL;
	return mbuf;
}

int squall_ring_give(struct rte_ring *ring, struct rte_mbuf *mbuf, uint64_t arrival)
{
	uint64_t flags = mbuf->ol_flags;
	rte_mbuf_timestamp_t time = *timestamp_of(mbuf);

	/* Before the receiver can see it. */
	mbuf->ol_flags = rx_timestamp_flag;
	*timestamp_of(mbuf) = arrival;
	if (likely(rte_ring_sp_enqueue(ring, mbuf) == 0))
		return 0;
	mbuf->ol_flags = flags;
	*timestamp_of(mbuf) = time;
	return -1;
}

struct rte_mbuf *squall_mbuf_clone(struct rte_mempool *pool, const struct rte_mbuf *mbuf)
{
	struct rte_mbuf *copy;
	void *object;

	if (rte_mempool_get(pool, &object) != 0)
		return NULL;
	copy = object;
	set_frame(copy, mbuf->data_len, mbuf->ol_flags);
	*timestamp_of(copy) = *RTE_MBUF_DYNFIELD(mbuf, squall_timestamp_offset,
						 const rte_mbuf_timestamp_t *);
	memcpy(rte_pktmbuf_mtod(copy, uint8_t *), rte_pktmbuf_mtod(mbuf, const uint8_t *),
	       mbuf->data_len);
	return copy;
}

struct rte_mbuf *squall_mbuf_of(struct rte_mempool *pool, const uint8_t *bytes, uint16_t len)
{
	struct rte_mbuf *mbuf;
	void *object;

	if (rte_mempool_get(pool, &object) != 0)
		return NULL;
	mbuf = object;
	set_frame(mbuf, len, 0);
	memcpy(rte_pktmbuf_mtod(mbuf, uint8_t *), bytes, len);
	return mbuf;
}

void squall_mbuf_prefetch(const struct rte_mbuf *mbuf, const uint8_t *data)
{
	rte_prefetch0(mbuf);
	rte_prefetch0((const uint8_t *)mbuf + RTE_CACHE_LINE_SIZE);
	rte_prefetch0(data);
	rte_prefetch0(data + RTE_CACHE_LINE_SIZE);
}

void squall_tx_prefetch(const struct rte_mbuf *mbuf, const uint8_t *data)
{
	squall_mbuf_prefetch(mbuf, data);
	rte_prefetch0(mbuf + 1);
}

void squall_mbuf_free(struct rte_mbuf *mbuf)
{
	rte_pktmbuf_free(mbuf);
}

struct visitor {
	void (*visit)(void *argument, struct rte_mbuf *mbuf);
	void *argument;
};

static void visit_one(struct rte_mempool *pool, void *argument, void *object, unsigned int index)
{
	const struct visitor *visitor = argument;

	(void)pool;
	(void)index;
	visitor->visit(visitor->argument, object);
}

void squall_pool_visit(struct rte_mempool *pool, void (*visit)(void *argument, struct rte_mbuf *mbuf),
		       void *argument)
{
	struct visitor visitor = { .visit = visit, .argument = argument };

	rte_mempool_obj_iter(pool, visit_one, &visitor);
}
