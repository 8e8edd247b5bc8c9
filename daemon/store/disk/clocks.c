#include "daemon/store/disk/clocks.h"

#include <ctype.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/clock.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_LEN 36 /* a UUID */

static uint64_t boot;

/* A number made of the UUID's last digits, which are random: 63 bits and never 0. */
static void read_boot(void)
{
	char text[BOOT_ID_LEN];
	int fd AUTO_FD = open(BOOT_ID_FILE, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text)) != (ssize_t)sizeof(text))
		return;
	uint64_t number = 0;
	for (size_t i = 0; i < sizeof(text); i++) {
		int letter = tolower((unsigned char)text[i]);
		if (isxdigit(letter))
			number = number << 4 |
				 (uint64_t)(letter <= '9' ? letter - '0'
							  : letter - 'a' + 10);
	}
	boot = (number & INT64_MAX) | 1;
}

/* Asked of the kernel itself: what stands before the C library to show a program another
 * date (libfaketime) moves all of its clocks, and this one would then jump too. */
static int64_t uptime_ms(void)
{
	struct timespec now = {0};
	(void)syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void clocks_read(struct clocks *ret_clocks)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	(void)pthread_once(&once, read_boot);
	*ret_clocks = (struct clocks){
		.boot = boot,
		.uptime_ms = uptime_ms(),
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
