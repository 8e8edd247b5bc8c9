/*
 * One symbolic link that a walk has met: what it leads to, and whether that will be
 * stored too. One thread.
 */
#ifndef BATON_CLIENT_SELECT_LINK_H
#define BATON_CLIENT_SELECT_LINK_H

#include <stdint.h>

#include "client/select/select.h"
#include "proto/base/error.h"

struct tree_link {
	int fd;            /* borrowed; the directory that it lies in */
	const char *name;  /* borrowed; there */
	struct named path; /* below the root */
};

/* The type (DT_…) of what it leads to. ERR_LOCAL names the link and its target. */
int tree_link_follow(const struct tree_link *link, unsigned char *ret_type,
		     struct error *error);
/* What the link will lead to when it is attached. */
enum link_end {
	LINK_STORED,   /* what is stored, too */
	LINK_LEFT_OUT, /* something that is there, but not stored, or not where the link
			* will look for it */
	LINK_NOWHERE,  /* nothing is there now, or a circle of links */
	LINK_ENDS,     /* how many there are */
};
/* target: as the link has it. */
enum link_end tree_link_end(const struct tree_link *link, const char *target,
			    const struct selection *selection);

/* Links that were stored without what they lead to, by where they end: how many, and the
 * first. */
struct links_left_out {
	struct {
		uint64_t count;
		char *path, *target; /* owned; escaped; of the first */
	} of[LINK_ENDS];
};

void links_left_out_add(struct links_left_out *links, enum link_end end, const char *path,
			size_t len, const char *target);
/* For a warning, owned by the caller; NULL: there are none. */
char *links_left_out_text(const struct links_left_out *links, enum link_end end);
void links_left_out_fini(struct links_left_out *links);

#endif
