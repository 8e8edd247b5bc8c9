/*
 * Saying which layers of untrusted jobs a trusted one does not see (rule A10).
 */
#ifndef BATON_CLIENT_VIEW_LEFT_OUT_H
#define BATON_CLIENT_VIEW_LEFT_OUT_H

#include <stdint.h>

#include "client/terminal/report.h"
#include "proto/message/message.h"

/* One warning that names the first of these layers, and how to see them. `count`: how
 * many there are in all; with 0 it says nothing. */
void left_out_warn(struct report *report, const struct msg_layer_list *first,
		   uint64_t count);

#endif
