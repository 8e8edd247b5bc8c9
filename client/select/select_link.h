/*
 * What a selection says of symbolic links. A PATH means what it names, or what matches it
 * while no directory above does; the rest is only inside of what some PATH means, where a
 * link is stored as it is. One thread.
 */
#ifndef BATON_CLIENT_SELECT_SELECT_LINK_H
#define BATON_CLIENT_SELECT_SELECT_LINK_H

#include "client/select/select.h"

/* Whether a PATH means this very path. */
bool selection_means(const struct selection *selection, struct named path);
/* Whether the link at this path is to be taken for what it leads to: a PATH means it, or
 * goes through it (globs: before the first special byte), and it is not excluded. */
bool selection_follows(const struct selection *selection, struct named path);
/* Whether what lies at this path is stored, should it be there. */
bool selection_takes(const struct selection *selection, struct named path);

#endif
