#include "daemon/store/disk/clocks.h"

#include <ctype.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/clock.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_LEN 36 /* a UUID */
#define OFFSETS_FILE "/proc/self/timens_offsets"
#define OFFSETS_SIZE 256 /* two lines of at most 50 bytes */

/* Of one start of the machine, and of this process's time namespace. */
static struct {
	uint64_t boot;
	int64_t uptime_offset_ms, awake_offset_ms;
} constant;

static bool read_whole(const char *path, char *ret_text, size_t len)
{
	int fd AUTO_FD = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, ret_text, len) == (ssize_t)len;
}

/* A number made of the UUID's last digits, which are random: 63 bits and never 0, but
 * where it cannot be told. */
static uint64_t read_boot(void)
{
	char text[BOOT_ID_LEN];
	if (!read_whole(BOOT_ID_FILE, text, sizeof(text)))
		return 0;
	uint64_t number = 0;
	for (size_t i = 0; i < sizeof(text); i++) {
		int letter = tolower((unsigned char)text[i]);
		if (isxdigit(letter))
			number = number << 4 |
				 (uint64_t)(letter <= '9' ? letter - '0'
							  : letter - 'a' + 10);
	}
	return (number & INT64_MAX) | 1;
}

/* What the kernel tells is of the namespace that children will be in, which is another
 * one in a process that has left its own for them. */
static bool is_childrens_namespace(void)
{
	struct stat own, childrens;
	return stat("/proc/self/ns/time", &own) == 0 &&
	       stat("/proc/self/ns/time_for_children", &childrens) == 0 &&
	       own.st_ino == childrens.st_ino;
}

/* The lines of time_namespaces(7): a clock's name, seconds, nanoseconds. */
static bool read_offset(const char *offsets, const char *clock, int64_t *ret_ms)
{
	long long seconds, nanoseconds;
	const char *line = strstr(offsets, clock);
	if (!line ||
	    sscanf(line + strlen(clock), "%lld %lld", &seconds, &nanoseconds) != 2)
		return false;
	*ret_ms = seconds * 1000 + nanoseconds / 1000000;
	return true;
}

/* Whether they are known, which a kernel without time namespaces (before Linux 5.6) needs
 * no file for. */
static bool read_offsets(void)
{
	char text[OFFSETS_SIZE];
	int fd AUTO_FD = open(OFFSETS_FILE, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return access("/proc/self/ns", F_OK) == 0 &&
		       access("/proc/self/ns/time", F_OK) < 0;
	ssize_t len = read(fd, text, sizeof(text) - 1);
	if (len <= 0 || !is_childrens_namespace())
		return false;
	text[len] = '\0';
	return read_offset(text, "boottime", &constant.uptime_offset_ms) &&
	       read_offset(text, "monotonic", &constant.awake_offset_ms);
}

static void read_constant(void)
{
	if (read_offsets())
		constant.boot = read_boot();
}

/* Asked of the kernel itself: what stands before the C library to show a program another
 * date (libfaketime) moves all of its clocks, and these would then jump too. */
static int64_t kernel_ms(clockid_t clock)
{
	struct timespec now = {0};
	(void)syscall(SYS_clock_gettime, clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void clocks_read(struct clocks *ret_clocks)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	(void)pthread_once(&once, read_constant);
	*ret_clocks = (struct clocks){
		.boot = constant.boot,
		.uptime_ms = kernel_ms(CLOCK_BOOTTIME) - constant.uptime_offset_ms,
		.awake_ms = kernel_ms(CLOCK_MONOTONIC) - constant.awake_offset_ms,
		.wall_ms = clock_wall_ms(),
	};
}

/* This call changes nothing and needs no privilege. Where it is not allowed, nothing is
 * known of the clock. The C library makes another one of it, which fewer sandboxes let
 * pass. */
bool clocks_synchronised(void)
{
	struct timex state = {0};
	long told = syscall(SYS_adjtimex, &state);
	return told >= 0 && told != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}
