/*
 * What a persist does not keep of a mode or a file, though its user may count on it:
 * setuid, setgid, sticky and capabilities. Any thread.
 */
#ifndef BATON_CLIENT_TREE_LOSS_H
#define BATON_CLIENT_TREE_LOSS_H

#include <stdint.h>
#include <sys/stat.h>

#include "client/tree/tree.h"

#define LOSS_SETUID 1u
#define LOSS_SETGID 2u
#define LOSS_STICKY 4u
#define LOSS_CAPABILITIES 8u

uint8_t loss_of_mode(mode_t mode);
/* LOSS_CAPABILITIES, or 0, of an open file that begins with these bytes. Asks only where
 * they could do anything: scripts get none, and asking takes longer than reading a small
 * file. */
uint8_t loss_of_capabilities(int fd, mode_t mode, const void *begin, size_t len);

/* Notes it. The entry is the caller's. */
void loss_note(struct tree *tree, struct entry *entry, uint8_t loss);
/* The warning about all rows of the tree, when nobody writes it any more; owned by the
 * caller. NULL: nothing is lost. */
char *loss_text(const struct tree *tree);

#endif
