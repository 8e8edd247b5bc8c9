#include "client/place/unmet.h"

#include <errno.h>

bool unmet_is(int number)
{
	return number == EPERM || number == EROFS || number == EOPNOTSUPP ||
	       number == ENOSYS;
}

bool unmet_note(struct unmet *left, uint32_t entry, int number)
{
	if (!unmet_is(number))
		return false;
	if (__atomic_fetch_add(&left->count, 1, __ATOMIC_RELAXED) == 0) {
		left->first = entry;
		left->number = number;
	}
	return true;
}
