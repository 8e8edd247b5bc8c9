/*
 * What a walk does with symbolic links. Private to walk.c; one thread.
 */
#ifndef BATON_CLIENT_TREE_WALK_LINKS_H
#define BATON_CLIENT_TREE_WALK_LINKS_H

#include "client/tree/walk_state.h"

/* A link that a PATH means or goes through is taken for what it leads to. */
int walk_follow(struct walk *walk, struct found *found, struct error *error);
/* Appends a link as one, and tells of it if it will lead to nothing that is stored though
 * a PATH means it. */
int walk_take_link(struct walk *walk, struct found *found, struct error *error);

#endif
