/*
 * Where an mbuf keeps what the packet path reads of a single frame: constants for Rust, so that
 * looking at a frame needs no call. bindgen computes them from the headers that shim.c is compiled
 * against.
 */
#ifndef SQUALL_LAYOUT_H
#define SQUALL_LAYOUT_H

#include <stddef.h>

#include <rte_mbuf.h>

enum squall_mbuf_layout {
	squall_mbuf_bytes = sizeof(struct rte_mbuf),    /* the private area follows */
	squall_mbuf_headroom = RTE_PKTMBUF_HEADROOM,    /* then this, then the data */
	squall_mbuf_ol_flags = offsetof(struct rte_mbuf, ol_flags),     /* uint64_t */
	squall_mbuf_data_len = offsetof(struct rte_mbuf, data_len),     /* uint16_t */
};

#endif
