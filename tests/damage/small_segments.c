/*
 * store_open() for batond-small-segments, the daemon that makes the stores of the damage
 * tests: it seals a segment as soon as it has SMALL_SEGMENT_LEN bytes. The linker puts it in
 * the place of the store's own (--wrap), so that the daemon needs no option for it.
 */
#include "daemon/store/store.h"

#define SMALL_SEGMENT_LEN 60000u

int __real_store_open(const struct store_options *options, struct store **ret_store,
		      struct error *error);
int __wrap_store_open(const struct store_options *options, struct store **ret_store,
		      struct error *error);

int __wrap_store_open(const struct store_options *options, struct store **ret_store,
		      struct error *error)
{
	struct store_options small = *options;
	small.segment_len = SMALL_SEGMENT_LEN;
	return __real_store_open(&small, ret_store, error);
}
