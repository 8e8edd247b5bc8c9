#include "daemon/loop/admission.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#include "proto/base/error.h"

/* Of an IPv6 address the part that a network is given: whoever has one has 2^64 of these.
 */
#define V6_PREFIX_LEN 8u

static void draw(void *at, size_t len)
{
	/* Without chance, which is only so while a machine boots, all are alike. */
	if (getrandom(at, len, GRND_NONBLOCK) != (ssize_t)len)
		memset(at, 0, len);
}

static uint32_t any_number(void)
{
	uint32_t number;
	draw(&number, sizeof(number));
	return number;
}

void admission_init(struct admission *admission, uint64_t place_max)
{
	*admission = (struct admission){.place_max = place_max, .chance = any_number};
	draw(&admission->seed, sizeof(admission->seed));
}

static uint16_t place_of(const struct admission *admission,
			 const struct sockaddr_storage *from)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	memcpy(&v4, from, sizeof(v4));
	memcpy(&v6, from, sizeof(v6));
	const void *at = &v4.sin_addr;
	size_t len = sizeof(v4.sin_addr);
	if (from->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
		at = &v6.sin6_addr.s6_addr[12];
	} else if (from->ss_family == AF_INET6) {
		at = &v6.sin6_addr;
		len = V6_PREFIX_LEN;
	}
	return (uint16_t)(XXH3_64bits_withSeed(at, len, admission->seed) %
			  ADMISSION_PLACES);
}

/* Whether to drop a new one: between the mark and the most with a probability that grows
 * from nearly 0 to 1. */
static bool is_unlucky(const struct admission *admission)
{
	uint32_t strangers = admission->strangers;
	if (strangers < STRANGERS_MARK)
		return false;
	if (strangers >= STRANGERS_MAX)
		return true;
	uint64_t beyond = strangers - STRANGERS_MARK + 1;
	uint64_t share = (beyond << 32) / (STRANGERS_MAX - STRANGERS_MARK);
	return admission->chance() < share;
}

bool admission_take(struct admission *admission, const struct sockaddr_storage *from,
		    struct admitted *ret_admitted)
{
	uint16_t place = place_of(admission, from);
	if (admission->places[place] >= admission->place_max ||
	    admission->places[place] == UINT16_MAX ||
	    admission->strangers_of[place] >= STRANGERS_OF_ADDRESS_MAX ||
	    is_unlucky(admission)) {
		admission->dropped++;
		return false;
	}
	admission->places[place]++;
	admission->strangers++;
	admission->strangers_of[place]++;
	*ret_admitted =
		(struct admitted){.counted = true, .stranger = true, .place = place};
	return true;
}

void admission_know(struct admission *admission, struct admitted *admitted)
{
	if (admitted->stranger) {
		admission->strangers--;
		admission->strangers_of[admitted->place]--;
	}
	admitted->stranger = false;
}

void admission_leave(struct admission *admission, struct admitted *admitted)
{
	admission_know(admission, admitted);
	if (admitted->counted) {
		claim(admission->places[admitted->place] > 0);
		admission->places[admitted->place]--;
	}
	*admitted = (struct admitted){0};
}
