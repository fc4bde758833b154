/*
 * rcqp: one RC (or UC) QP without any connection manager, driven from the command line; JSON lines on stdout.
 *   responder: rcqp --rqpn 0x11 --rpsn 5 --rgid ::ffff:10.99.0.100 --recvs 16 --expect 1 --wait 5000 [--dump FILE]
 *   requester: rcqp ... --op writeimm --count 4 --len 8192 --raddr 0x7f0000000000 --rkey 0x1234
 * Without --rqpn it prints its own parameters and reads "QPN PSN GID [VADDR RKEY]" from stdin.
 * --ready FILE: its parameters as JSON, in FILE.new before it waits for stdin and in FILE once it is ready to send.
 * --until FILE: it ends when that file is there.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <infiniband/verbs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}
static void die(const char *what)
{
	printf("{\"event\":\"error\",\"what\":\"%s\",\"errno\":%d,\"text\":\"%s\"}\n", what, errno, strerror(errno));
	exit(1);
}
static const char *opname(int op)
{
	switch (op) {
	case IBV_WC_SEND: return "SEND";
	case IBV_WC_RDMA_WRITE: return "RDMA_WRITE";
	case IBV_WC_RDMA_READ: return "RDMA_READ";
	case IBV_WC_COMP_SWAP: return "COMP_SWAP";
	case IBV_WC_FETCH_ADD: return "FETCH_ADD";
	case IBV_WC_RECV: return "RECV";
	case IBV_WC_RECV_RDMA_WITH_IMM: return "RECV_RDMA_WITH_IMM";
	default: return "OTHER";
	}
}
enum { O_DEV = 1, O_GIDX, O_RQPN, O_RPSN, O_PSN, O_RGID, O_MTU, O_SIZE, O_TIMEOUT, O_RETRY, O_RNR, O_MINRNR, O_RD, O_RECVS,
       O_RECVLEN, O_EXPECT, O_WAIT, O_DUMP, O_OP, O_COUNT, O_LEN, O_RADDR, O_RKEY, O_IMM, O_DEPTH, O_UC, O_FILL, O_TCLASS,
       O_LATERECVS, O_ADDR, O_RSTEP, O_ACCESS, O_READY, O_QUIET, O_STAY, O_LATEAFTER, O_UNTIL };
static struct option options[] = {
	{"dev", 1, 0, O_DEV}, {"gidx", 1, 0, O_GIDX}, {"rqpn", 1, 0, O_RQPN}, {"rpsn", 1, 0, O_RPSN}, {"psn", 1, 0, O_PSN},
	{"rgid", 1, 0, O_RGID}, {"mtu", 1, 0, O_MTU}, {"size", 1, 0, O_SIZE}, {"timeout", 1, 0, O_TIMEOUT},
	{"retry", 1, 0, O_RETRY}, {"rnr-retry", 1, 0, O_RNR}, {"min-rnr", 1, 0, O_MINRNR}, {"rd", 1, 0, O_RD},
	{"recvs", 1, 0, O_RECVS}, {"recv-len", 1, 0, O_RECVLEN}, {"expect", 1, 0, O_EXPECT}, {"wait", 1, 0, O_WAIT},
	{"dump", 1, 0, O_DUMP}, {"op", 1, 0, O_OP}, {"count", 1, 0, O_COUNT}, {"len", 1, 0, O_LEN}, {"raddr", 1, 0, O_RADDR},
	{"rkey", 1, 0, O_RKEY}, {"imm", 1, 0, O_IMM}, {"depth", 1, 0, O_DEPTH}, {"uc", 0, 0, O_UC}, {"fill", 1, 0, O_FILL},
	{"tclass", 1, 0, O_TCLASS}, {"late-recvs", 1, 0, O_LATERECVS}, {"addr", 1, 0, O_ADDR}, {"rstep", 1, 0, O_RSTEP},
	{"access", 1, 0, O_ACCESS}, {"ready", 1, 0, O_READY}, {"quiet", 0, 0, O_QUIET}, {"stay", 0, 0, O_STAY}, {"late-after", 1, 0, O_LATEAFTER}, {"until", 1, 0, O_UNTIL}, {0, 0, 0, 0}};

int main(int argc, char **argv)
{
	const char *dev = "rxe0", *rgid_text = NULL, *dump = NULL, *op = NULL, *ready = NULL, *until = NULL;
	long gidx = -1, mtu = 4096, timeout = 14, retry = 7, rnr = 7, minrnr = 12, rd = 16, recvs = 0, expect = 0, wait_ms = 5000;
	long count = 1, depth = 64, uc = 0, fill = -1, tclass = 0, late = 0, quiet = 0, stay = 0, lateafter = 200;
	unsigned long rqpn = ~0ul, rpsn = 0, psn = 0, size = 1 << 20, recvlen = 4096, len = 4096, raddr = 0, rkey = 0, imm = 0x1000, fixed = 0, rstep = 0;
	long allowed = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC;
	int o;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (o) {
#define N(O, V) case O: V = strtoul(optarg, NULL, 0); break;
		case O_DEV: dev = optarg; break;
		case O_RGID: rgid_text = optarg; break;
		case O_DUMP: dump = optarg; break;
		case O_OP: op = optarg; break;
		case O_READY: ready = optarg; break;
		case O_UNTIL: until = optarg; break;
		case O_UC: uc = 1; break;
		case O_QUIET: quiet = 1; break;
		case O_STAY: stay = 1; break;
		N(O_GIDX, gidx) N(O_RQPN, rqpn) N(O_RPSN, rpsn) N(O_PSN, psn) N(O_MTU, mtu) N(O_SIZE, size) N(O_TIMEOUT, timeout)
		N(O_RETRY, retry) N(O_RNR, rnr) N(O_MINRNR, minrnr) N(O_RD, rd) N(O_RECVS, recvs) N(O_RECVLEN, recvlen)
		N(O_EXPECT, expect) N(O_WAIT, wait_ms) N(O_COUNT, count) N(O_LEN, len) N(O_RADDR, raddr) N(O_RKEY, rkey)
		N(O_IMM, imm) N(O_DEPTH, depth) N(O_FILL, fill) N(O_TCLASS, tclass) N(O_LATERECVS, late) N(O_ADDR, fixed)
		N(O_RSTEP, rstep) N(O_ACCESS, allowed) N(O_LATEAFTER, lateafter)
		default: return 2;
		}

	struct ibv_device **list = ibv_get_device_list(NULL), *device = NULL;
	for (int i = 0; list && list[i]; i++)
		if (!strcmp(ibv_get_device_name(list[i]), dev))
			device = list[i];
	if (!device)
		die("no such device");
	struct ibv_context *ctx = ibv_open_device(device);
	if (!ctx)
		die("ibv_open_device");
	union ibv_gid gid, rgid = {0};
	struct in6_addr a6;
	struct in_addr a4;
	char text[64];
	if (rgid_text) {
		if (inet_pton(AF_INET, rgid_text, &a4) == 1) {
			rgid.raw[10] = rgid.raw[11] = 0xff;
			memcpy(rgid.raw + 12, &a4, 4);
		} else if (inet_pton(AF_INET6, rgid_text, &a6) == 1)
			memcpy(rgid.raw, &a6, 16);
		else
			die("--rgid");
	}
	struct ibv_gid_entry entry;
	int v4 = !rgid_text || (!memcmp(rgid.raw, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12));
	int linklocal = rgid.raw[0] == 0xfe && rgid.raw[1] == 0x80;
	for (int i = 0; gidx < 0 && i < 32; i++) {
		if (ibv_query_gid_ex(ctx, 1, i, &entry, 0) || entry.gid_type != IBV_GID_TYPE_ROCE_V2)
			continue;
		int is4 = !memcmp(entry.gid.raw, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
		int isll = entry.gid.raw[0] == 0xfe && entry.gid.raw[1] == 0x80;
		if (is4 == v4 && (v4 || isll == linklocal))
			gidx = i;
	}
	if (gidx < 0 || ibv_query_gid(ctx, 1, gidx, &gid))
		die("no GID");

	struct ibv_pd *pd = ibv_alloc_pd(ctx);
	uint8_t *buf = mmap((void *)fixed, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | (fixed ? MAP_FIXED_NOREPLACE : 0), -1, 0);
	if (buf == MAP_FAILED)
		die("mmap");
	if (fill >= 0)
		memset(buf, (int)fill, size);
	else
		for (unsigned long i = 0; i < size; i++)
			buf[i] = (uint8_t)(i * 7 + (i >> 8) * 13);
	/* Receive buffers of SENDs live apart from the region that WRITEs go to. */
	unsigned long rsize = (recvs + late) * recvlen + 1;
	uint8_t *rbuf = mmap(NULL, rsize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct ibv_mr *mr = ibv_reg_mr(pd, buf, size, allowed), *rmr = ibv_reg_mr(pd, rbuf, rsize, IBV_ACCESS_LOCAL_WRITE);
	if (!mr || !rmr)
		die("ibv_reg_mr");
	struct ibv_cq *cq = ibv_create_cq(ctx, 4096, NULL, NULL, 0);
	struct ibv_qp_init_attr init = {.send_cq = cq, .recv_cq = cq, .qp_type = uc ? IBV_QPT_UC : IBV_QPT_RC, .sq_sig_all = 1,
		.cap = {.max_send_wr = depth + 1, .max_recv_wr = recvs + late + 1, .max_send_sge = 1, .max_recv_sge = 1}};
	struct ibv_qp *qp = cq ? ibv_create_qp(pd, &init) : NULL;
	if (!qp)
		die("ibv_create_qp");
	struct ibv_qp_attr attr = {.qp_state = IBV_QPS_INIT, .port_num = 1, .qp_access_flags = allowed};
	if (ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS))
		die("to INIT");
	inet_ntop(AF_INET6, gid.raw, text, sizeof(text));
	printf("{\"event\":\"local\",\"qpn\":%u,\"psn\":%lu,\"rkey\":%u,\"vaddr\":%lu,\"size\":%lu,\"gid\":\"%s\",\"gid_index\":%ld,\"recvs\":%ld,\"recv_len\":%lu}\n",
	       qp->qp_num, psn, mr->rkey, (unsigned long)buf, size, text, gidx, recvs, recvlen);
	if (ready) {
		char tmp[300];
		snprintf(tmp, sizeof(tmp), "%s.new", ready);
		FILE *f = fopen(tmp, "w");
		if (!f) die("--ready");
		fprintf(f, "{\"qpn\":%u,\"psn\":%lu,\"rkey\":%u,\"vaddr\":%lu,\"gid\":\"%s\",\"mtu\":%ld}\n", qp->qp_num, psn, mr->rkey, (unsigned long)buf, text, mtu);
		fclose(f);
	}
	if (rqpn == ~0ul) {
		char g[64];
		if (scanf("%li %li %63s %li %li", (long *)&rqpn, (long *)&rpsn, g, (long *)&raddr, (long *)&rkey) < 3 || inet_pton(AF_INET6, g, &rgid) != 1)
			die("stdin");
	}
	struct ibv_recv_wr *bad_recv;
	for (long i = 0; i < recvs; i++) {
		struct ibv_sge sge = {(uintptr_t)rbuf + i * recvlen, recvlen, rmr->lkey};
		struct ibv_recv_wr wr = {.wr_id = i, .sg_list = &sge, .num_sge = 1};
		if (ibv_post_recv(qp, &wr, &bad_recv))
			die("ibv_post_recv");
	}
	enum ibv_mtu m = mtu == 256 ? IBV_MTU_256 : mtu == 512 ? IBV_MTU_512 : mtu == 1024 ? IBV_MTU_1024 : mtu == 2048 ? IBV_MTU_2048 : IBV_MTU_4096;
	memset(&attr, 0, sizeof(attr));
	attr.qp_state = IBV_QPS_RTR; attr.path_mtu = m; attr.dest_qp_num = rqpn; attr.rq_psn = rpsn;
	attr.max_dest_rd_atomic = rd; attr.min_rnr_timer = minrnr;
	attr.ah_attr.is_global = 1; attr.ah_attr.grh.dgid = rgid; attr.ah_attr.grh.sgid_index = gidx; attr.ah_attr.grh.hop_limit = 64;
	attr.ah_attr.grh.traffic_class = tclass; attr.ah_attr.port_num = 1;
	if (ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN | (uc ? 0 : IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER)))
		die("to RTR");
	attr.qp_state = IBV_QPS_RTS; attr.sq_psn = psn; attr.timeout = timeout; attr.retry_cnt = retry; attr.rnr_retry = rnr; attr.max_rd_atomic = rd;
	if (ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_SQ_PSN | (uc ? 0 : IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_MAX_QP_RD_ATOMIC)))
		die("to RTS");
	printf("{\"event\":\"rts\",\"dest_qpn\":%lu,\"rq_psn\":%lu,\"mtu\":%ld}\n", rqpn, rpsn, mtu);
	if (ready) {
		char tmp[300];
		snprintf(tmp, sizeof(tmp), "%s.new", ready);
		rename(tmp, ready);
	}

	double start = now(), last = start, first_post = 0;
	long posted = 0, sends = 0, gots = 0, errors = 0;
	unsigned long bytes = 0;
	while (now() - start < wait_ms) {
		while (op && posted < count && posted - sends < depth) {
			unsigned long off = size >= len ? (posted * len) % (size - len + 1) : 0;
			struct ibv_sge sge = {(uintptr_t)buf + off, len, mr->lkey};
			struct ibv_send_wr wr = {.wr_id = posted, .sg_list = &sge, .num_sge = len ? 1 : 0, .send_flags = IBV_SEND_SIGNALED}, *bad;
			wr.wr.rdma.remote_addr = raddr + posted * rstep; wr.wr.rdma.rkey = rkey; wr.imm_data = htonl(imm + posted);
			if (!strcmp(op, "write")) wr.opcode = IBV_WR_RDMA_WRITE;
			else if (!strcmp(op, "writeimm")) wr.opcode = IBV_WR_RDMA_WRITE_WITH_IMM;
			else if (!strcmp(op, "send")) wr.opcode = IBV_WR_SEND;
			else if (!strcmp(op, "sendimm")) wr.opcode = IBV_WR_SEND_WITH_IMM;
			else if (!strcmp(op, "read")) wr.opcode = IBV_WR_RDMA_READ;
			else if (!strcmp(op, "fadd")) { wr.opcode = IBV_WR_ATOMIC_FETCH_AND_ADD; sge.length = 8; wr.wr.atomic.remote_addr = raddr; wr.wr.atomic.rkey = rkey; wr.wr.atomic.compare_add = 5; }
			else if (!strcmp(op, "cas")) { wr.opcode = IBV_WR_ATOMIC_CMP_AND_SWP; sge.length = 8; wr.wr.atomic.remote_addr = raddr; wr.wr.atomic.rkey = rkey; wr.wr.atomic.compare_add = 0; wr.wr.atomic.swap = 7; }
			else if (!strcmp(op, "inv")) { wr.opcode = IBV_WR_SEND_WITH_INV; wr.invalidate_rkey = rkey; }
			else die("--op");
			if (!first_post) first_post = now();
			if (ibv_post_send(qp, &wr, &bad)) die("ibv_post_send");
			posted++;
		}
		struct ibv_wc wc[16];
		int n = ibv_poll_cq(cq, 16, wc);
		if (n < 0) die("ibv_poll_cq");
		for (int i = 0; i < n; i++) {
			last = now();
			int is_recv = (wc[i].opcode & IBV_WC_RECV) != 0;
			if (wc[i].status) { errors++; if (op) sends++; }
			else if (is_recv) { gots++; bytes += wc[i].byte_len; }
			else sends++;
			if (!quiet || wc[i].status)
				printf("{\"event\":\"wc\",\"t_ms\":%.3f,\"wr_id\":%lu,\"status\":%d,\"status_text\":\"%s\",\"vendor_err\":%u,\"opcode\":\"%s\",\"byte_len\":%u,\"imm\":%ld,\"src_qp\":%u}\n",
				       last - start, (unsigned long)wc[i].wr_id, wc[i].status, ibv_wc_status_str(wc[i].status), wc[i].vendor_err, wc[i].status ? "?" : opname(wc[i].opcode), wc[i].byte_len,
				       (wc[i].wc_flags & IBV_WC_WITH_IMM) ? (long)ntohl(wc[i].imm_data) : -1l, wc[i].src_qp);
		}
		if (late && now() - start > lateafter) {
			for (long i = recvs; i < recvs + late; i++) {
				struct ibv_sge sge = {(uintptr_t)rbuf + i * recvlen, recvlen, rmr->lkey};
				struct ibv_recv_wr wr = {.wr_id = i, .sg_list = &sge, .num_sge = 1};
				if (ibv_post_recv(qp, &wr, &bad_recv)) die("ibv_post_recv late");
			}
			printf("{\"event\":\"late_recvs\",\"t_ms\":%.3f,\"count\":%ld}\n", now() - start, late);
			late = 0;
		}
		if (!stay && ((op && sends >= count) || (expect && gots >= expect)))
			break;
		if (until && !access(until, F_OK))
			break;
		if (n == 0) { struct timespec ts = {0, op ? 20000 : 100000}; nanosleep(&ts, NULL); }
	}
	if (!op) usleep(100000); /* whatever the last packets ask for is still sent */
	memset(&attr, 0, sizeof(attr));
	struct ibv_qp_init_attr ia;
	ibv_query_qp(qp, &attr, IBV_QP_STATE | IBV_QP_SQ_PSN | IBV_QP_RQ_PSN, &ia);
	uint32_t crc = 0xffffffff;
	for (unsigned long i = 0; i < size; i++) {
		crc ^= buf[i];
		for (int k = 0; k < 8; k++) crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
	}
	double span = last - (first_post ? first_post : start);
	printf("{\"event\":\"end\",\"qp_state\":%d,\"sq_psn\":%u,\"rq_psn\":%u,\"posted\":%ld,\"send_completions\":%ld,\"recv_completions\":%ld,\"errors\":%ld,\"recv_bytes\":%lu,\"span_ms\":%.3f,\"mem_crc32\":\"%08x\",\"head\":\"",
	       attr.qp_state, attr.sq_psn, attr.rq_psn, posted, sends, gots, errors, bytes, span, ~crc);
	for (int i = 0; i < 16 && (unsigned long)i < size; i++) printf("%02x", buf[i]);
	printf("\"}\n");
	if (dump) {
		FILE *f = fopen(dump, "w");
		if (!f || fwrite(buf, 1, size, f) != size) die("--dump");
		fclose(f);
		char tmp[300];
		snprintf(tmp, sizeof(tmp), "%s.recv", dump);
		f = fopen(tmp, "w");
		if (f) { fwrite(rbuf, 1, rsize - 1, f); fclose(f); }
	}
	ibv_destroy_qp(qp); ibv_destroy_cq(cq); ibv_dereg_mr(mr); ibv_dereg_mr(rmr); ibv_dealloc_pd(pd); ibv_close_device(ctx);
	return errors ? 3 : 0;
}
