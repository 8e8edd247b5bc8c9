/*
 * Layers and identities, which messages and the catalogue each have in their own words,
 * and the memory of what messages say.
 */
#ifndef BATON_DAEMON_SESSION_LAYER_MESSAGE_H
#define BATON_DAEMON_SESSION_LAYER_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/store/catalogue.h"
#include "daemon/view/view.h"
#include "proto/message/message.h"

/* Memory that lives until the end of a session, for the texts of its messages. */
struct message_arena;
struct message_arena *message_arena_new(void);
void message_arena_free(struct message_arena *arena);
/* Zeroed memory of the arena. */
void *message_arena_take(struct message_arena *arena, size_t size);
/* A text with a NUL behind it. */
const char *message_arena_string(struct message_arena *arena, struct text text);
/* A list's texts with NULs: an array of count pointers. */
const char *const *message_arena_strings(struct message_arena *arena,
					 const struct text_list *list);
/* A copy of a C string as a text. */
struct text message_arena_copy(struct message_arena *arena, const char *string);

/* What a message says of who asks, for the catalogue, with the rule of what a retry
 * inherits. Borrows the texts. */
struct contact_request contact_of(const struct msg_identity *identity,
				  enum contact_kind kind);

/* The layer at a position of a history. `workflow`, used for records whose texts are
 * NULL, comes with the history. The digest is borrowed from the history; the rest is the
 * arena's or the history's. */
void layer_message(struct message_arena *arena, const struct catalogue_history *history,
		   uint32_t position, struct msg_layer *ret_layer);

/* The id alone, as text of the arena. */
struct text layer_message_id(struct message_arena *arena,
			     const struct layer_record *record);

/* Gives `after` of a described layer: ids of the view layers that come directly before
 * view position `position`. */
void layer_message_after(struct message_arena *arena,
			 const struct catalogue_history *history, const struct view *view,
			 uint32_t position, struct msg_layer *layer);

/* How many of the layers from `first` fit into one control message beside little else. */
size_t layer_message_batch(const struct msg_layer_list *layers, size_t first);

#endif
