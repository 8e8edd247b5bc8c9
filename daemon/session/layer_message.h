/*
 * Layers, translated between messages and the catalogue.
 */
#ifndef BATON_DAEMON_SESSION_LAYER_MESSAGE_H
#define BATON_DAEMON_SESSION_LAYER_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/view/view.h"
#include "proto/base/arena.h"
#include "proto/message/message.h"

/* Describes the layer at a position of a history. The texts live in the arena or are
 * borrowed from the history. */
void layer_message(struct arena *arena, const struct catalogue_history *history,
		   uint32_t position, struct msg_layer *ret_layer);

/* The id alone, as a text in the arena. */
struct text layer_message_id(struct arena *arena, const struct layer_record *record);

/* A layer that was committed for this identity, from its record alone. The identity's
 * texts are borrowed. */
void layer_message_new(struct arena *arena, const struct msg_identity *identity,
		       const struct layer_record *record, struct msg_layer *ret_layer);

/* Gives `after` of a described layer: ids of the view layers that come directly before
 * view position `position`. */
void layer_message_after(struct arena *arena, const struct catalogue_history *history,
			 const struct view *view, uint32_t position,
			 struct msg_layer *layer);

/* How many of the layers from `first` fit into one control message beside little else. */
size_t layer_message_batch(const struct msg_layer_list *layers, size_t first);

#endif
