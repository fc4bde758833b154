/*
 * Makes QEMU's igb stamp more than one received PTP frame.
 *
 * A real 82576 takes the next receive stamp once RXSTMPH has been read, as DPDK's driver does. QEMU's
 * model waits for a read of RXSATRH (offset 0xB630), which DPDK never makes. Preloaded into the guest's
 * program, this makes that read after each receive stamp that the driver has handed out. It changes no
 * stamp and nothing of the driver.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#define RXSATRH 0xB630
#define BAR_LEN 0x20000
#define PORTS 32

int rte_eth_dev_get_name_by_port(uint16_t port, char *name);

static volatile uint32_t *registers_of(uint16_t port)
{
	static volatile uint32_t *bars[PORTS];
	char name[64], path[128];
	void *bar;
	int fd;

	if (port >= PORTS || bars[port] != NULL)
		return port < PORTS ? bars[port] : NULL;
	if (rte_eth_dev_get_name_by_port(port, name) != 0)
		return NULL;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0", name);
	fd = open(path, O_RDWR | O_SYNC);
	if (fd < 0)
		return NULL;
	bar = mmap(NULL, BAR_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bar != MAP_FAILED)
		bars[port] = bar;
	return bars[port];
}

int rte_eth_timesync_read_rx_timestamp(uint16_t port, struct timespec *stamp, uint32_t flags)
{
	int (*driver)(uint16_t, struct timespec *, uint32_t) =
		dlsym(RTLD_NEXT, "rte_eth_timesync_read_rx_timestamp");
	int ret = driver(port, stamp, flags);
	volatile uint32_t *registers = ret == 0 ? registers_of(port) : NULL;

	if (registers != NULL)
		(void)registers[RXSATRH / 4];
	return ret;
}
