/*
 * What Rust sees of DPDK beyond its plain functions: static-inline functions, mbuf fields, and the
 * structures whose layout or members differ between DPDK releases.
 *
 * Contract: every call on the packet path handles a whole burst, but for those on rings, whose other
 * side handles single frames. An mbuf stays opaque outside
 * shim.c, so that its layout matters in one translation unit only, the one compiled against the
 * installed headers. Nothing here decides anything: values come in, DPDK is called, values go out.
 *
 * Left out on purpose: policy (which offloads, how many descriptors), strings for people.
 */
#ifndef SQUALL_SHIM_H
#define SQUALL_SHIM_H

#include <stddef.h>
#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;
struct rte_ring;

/* ---- process ---------------------------------------------------------------------------- */

/* rte_errno of the calling thread. */
int squall_errno(void);

/* Whether the calling thread has an lcore number. */
int squall_thread_is_registered(void);

/* Sends DPDK's log lines to `sink` (called with DPDK's stream lock held; must not log itself).
 * The stream lives as long as the process. 0, or -1 with errno. */
int squall_log_to(void (*sink)(const char *text, size_t len));

/* The folder from which EAL loads its drivers by itself; "" when DPDK was built without one. */
const char *squall_pmd_path(void);

uint64_t squall_tsc(void);
/* The same, after everything before it has been done. */
uint64_t squall_tsc_ordered(void);

/* ---- offloads and RSS, as values -------------------------------------------------------- */

extern const uint64_t squall_rx_offload_timestamp;
extern const uint64_t squall_rx_offload_scatter;
extern const uint64_t squall_tx_offload_send_on_timestamp;
extern const uint64_t squall_rss_l3;
extern const uint64_t squall_rss_l4_udp;

/* ---- ports ------------------------------------------------------------------------------ */

struct squall_port_info {
	const char *driver;     /* owned by DPDK, as long as the port is there */
	const char *bus;        /* "vdev", "pci", ...; NULL when unknown */
	uint64_t rx_offloads;   /* offered, port or queue level */
	uint64_t tx_offloads;
	uint64_t rss_types;     /* RTE_ETH_RSS_* offered */
	uint32_t if_index;      /* kernel interface, 0 for none */
	uint32_t speed_capa;    /* RTE_ETH_LINK_SPEED_* bits */
	uint32_t max_rx_pktlen;
	int32_t socket;         /* NUMA node, -1 unknown */
	uint16_t min_mtu;
	uint16_t max_mtu;
	uint16_t max_rx_queues;
	uint16_t max_tx_queues;
	uint8_t mac[6];
};

/* 0, or a negative errno. */
int squall_port_info(uint16_t port, struct squall_port_info *out);

struct squall_port_conf {
	uint64_t rx_offloads;
	uint64_t tx_offloads;
	uint64_t rss_types;     /* 0: no RSS */
	uint32_t mtu;           /* 0: the driver's own */
	uint16_t rx_queues;
	uint16_t tx_queues;
};

/* rte_eth_dev_configure. 0, or a negative errno. */
int squall_port_configure(uint16_t port, const struct squall_port_conf *conf);

/* Queue set-up with the driver's default thresholds and the port's offloads. */
int squall_rx_queue_setup(uint16_t port, uint16_t queue, uint16_t descriptors, int socket,
			  uint64_t offloads, struct rte_mempool *pool);
int squall_tx_queue_setup(uint16_t port, uint16_t queue, uint16_t descriptors, int socket,
			  uint64_t offloads);

/* Has the MAC obey received PFC frames of this class, for the port (rte_eth_dev_priority_flow_ctrl_set)
 * or for one transmit queue of a port that is configured and not started
 * (rte_eth_dev_priority_flow_ctrl_queue_configure). 0, or a negative errno. */
int squall_pfc_obey(uint16_t port, uint8_t priority);
int squall_pfc_obey_queue(uint16_t port, uint16_t queue, uint8_t priority);

struct squall_link {
	uint32_t mbps;          /* UINT32_MAX: unknown */
	uint8_t up;
};

/* Does not wait for a link. 0, or a negative errno. */
int squall_link_get(uint16_t port, struct squall_link *out);

/* What only asking the driver tells. Each is 1 offered, 0 not. */
struct squall_port_abilities {
	uint8_t timesync;       /* PTP time stamps and a settable clock */
	uint8_t read_clock;     /* the free-running clock behind Rx/Tx time stamps */
	uint8_t flow_control;   /* 802.3x get */
	uint8_t priority_flow_control; /* 802.1Qbb, per queue or per port */
};

void squall_port_abilities(uint16_t port, struct squall_port_abilities *out);

/* IEEE 1588 time stamps of PTP frames, and the clock behind them, in nanoseconds. Each returns 0 or a
 * negative errno; a stamp that is not there (yet) is one of those. Reading a stamp makes room for the
 * next. `flags` of a received one are those of its view. */
int squall_timesync_enable(uint16_t port);
int squall_timesync_disable(uint16_t port);
int squall_timesync_time(uint16_t port, uint64_t *nanos);
int squall_timesync_tx_stamp(uint16_t port, uint64_t *nanos);
int squall_timesync_rx_stamp(uint16_t port, uint32_t flags, uint64_t *nanos);

/* rte_eth_read_clock: the free-running clock behind time stamps, in its own ticks. 0, or a negative
 * errno. */
int squall_read_clock(uint16_t port, uint64_t *ticks);

/* ---- mbufs ------------------------------------------------------------------------------ */

/* Registers the standard mbuf time stamp field and its two flags; once, after EAL init.
 * 0, or a negative errno. */
int squall_timestamps_register(void);

/* Set by squall_timestamps_register: where the time stamp is in an mbuf (rte_mbuf_timestamp_t), and
 * the flag that says that it is a departure time. */
extern int squall_timestamp_offset;
extern uint64_t squall_tx_timestamp_flag;

/* Called once for each mbuf of a TX-only pool of one segment: zeroes the private area and copies
 * `len` bytes to the data. */
void squall_pool_prefill(struct rte_mempool *pool, const uint8_t *bytes, size_t len);

/* Takes n mbufs or none: 0, or a negative errno. The mbufs are raw: refcnt 1, one segment, the
 * data at its usual place; lengths and flags are set by squall_tx_burst. */
int squall_tx_take(struct rte_mempool *pool, struct rte_mbuf **mbufs, unsigned int n);

/* Sets each mbuf's lengths and hands them to the port. Returns how many it took, from the front. */
uint16_t squall_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs,
			 const uint16_t *lens, uint16_t n);
/* The same with the standard departure time stamp and its flag. */
uint16_t squall_tx_burst_timed(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs,
			       const uint16_t *lens, const uint64_t *departures, uint16_t n);

/* The same for PTP frames whose departure is to be stamped. */
uint16_t squall_tx_burst_ptp(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs,
			     const uint16_t *lens, uint16_t n);

struct squall_rx_view {
	const uint8_t *data;    /* first segment */
	uint64_t timestamp;     /* valid when has_timestamp */
	uint32_t data_len;      /* bytes of the first segment */
	uint32_t pkt_len;       /* bytes of all segments */
	uint16_t segments;
	uint16_t has_timestamp;
	uint16_t ptp;           /* flags for squall_timesync_rx_stamp; 0 where the driver has none */
};

uint16_t squall_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs,
			 struct squall_rx_view *views, uint16_t n);

/* Copies a whole frame, all segments, to `out` of at least `len` bytes. 0, or -1 when it is
 * shorter than `len`. */
int squall_mbuf_copy(const struct rte_mbuf *mbuf, uint8_t *out, uint32_t len);

/* ---- rings of our own, one frame at a time ----------------------------------------------- */

/* A ring of exactly `depth` places for one producer and one consumer, on any NUMA node. NULL with
 * rte_errno. */
struct rte_ring *squall_ring_create(const char *name, unsigned int depth);

/* The oldest mbuf of the ring, or NULL. One caller at a time. */
struct rte_mbuf *squall_ring_take(struct rte_ring *ring);

/* Adds an mbuf with the standard arrival time stamp and its flag. 0, or -1 when the ring is full: the
 * mbuf is then as it was. One caller at a time. */
int squall_ring_give(struct rte_ring *ring, struct rte_mbuf *mbuf, uint64_t arrival);

/* A copy of an mbuf of one segment, time stamp included, in a buffer of `pool`, which must be large
 * enough and of the kind that squall_tx_take takes from. NULL when the pool is empty. */
struct rte_mbuf *squall_mbuf_clone(struct rte_mempool *pool, const struct rte_mbuf *mbuf);
/* Fetches both cache lines of an mbuf, and the first two of its data, ahead of their use. */
void squall_mbuf_prefetch(const struct rte_mbuf *mbuf, const uint8_t *data);
/* The same, and the first line of the private area. */
void squall_tx_prefetch(const struct rte_mbuf *mbuf, const uint8_t *data);
/* A frame of these bytes in a buffer of `pool`, which has room for them; NULL when it is empty. */
struct rte_mbuf *squall_mbuf_of(struct rte_mempool *pool, const uint8_t *bytes, uint16_t len);

/* Gives an mbuf back to its pool. */
void squall_mbuf_free(struct rte_mbuf *mbuf);

/* Calls `visit` with the address of each mbuf of the pool, used or not. */
void squall_pool_visit(struct rte_mempool *pool, void (*visit)(void *argument, struct rte_mbuf *mbuf),
		       void *argument);

/* ---- ICRC -------------------------------------------------------------------------------- */

/* Whether this processor can run squall_icrc_register. */
int squall_icrc_folds(void);
/* The CRC register behind a RoCEv2 packet with its ICRC, and behind as many zero bytes as make its length a
 * multiple of 64. `l3` begins with an IPv4 header without options or an IPv6 header, UDP follows; `len` is 44 at least. */
uint32_t squall_icrc_register(const uint8_t *l3, uint32_t len);

#endif
