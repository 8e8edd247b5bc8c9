#include "daemon/access/grant/tier.h"

#include <string.h>

static const char *const tiers[] = {
	[TIER_TRUSTED] = "trusted",
	[TIER_UNTRUSTED] = "untrusted",
};

const char *tier_text(enum tier tier)
{
	return tiers[tier];
}

bool tier_parse(const char *text, enum tier *ret_tier)
{
	for (unsigned i = 0; i < sizeof(tiers) / sizeof(*tiers); i++) {
		if (strcmp(text, tiers[i]) == 0) {
			*ret_tier = (enum tier)i;
			return true;
		}
	}
	return false;
}
