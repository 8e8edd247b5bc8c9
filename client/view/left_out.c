#include "client/view/left_out.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/view/rows.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

#define LABEL_SIZE 1100u
#define NAMED_MAX 3u

/* " layer 1f… of `lint`," */
static void name(struct buffer *sentence, const struct msg_layer *layer)
{
	char label[LABEL_SIZE], text[LABEL_SIZE + 64];
	int len = snprintf(text, sizeof(text), " layer %.*s of `%s`,",
			   (int)layer->layer.len, layer->layer.at,
			   layer_label(layer, label, sizeof(label)));
	buffer_put(sentence, text, (size_t)len);
}

void left_out_warn(struct report *report, const struct msg_layer_list *first,
		   uint64_t count)
{
	struct buffer named AUTO(buffer_fini) = {0};
	size_t shown = first->count < NAMED_MAX ? first->count : NAMED_MAX;
	char more[64] = "";
	if (count == 0)
		return;
	for (size_t i = 0; i < shown; i++)
		name(&named, &first->items[i]);
	if (count > shown)
		(void)snprintf(more, sizeof(more),
			       shown ? " and %" PRIu64 " more," : " %" PRIu64 " layers,",
			       count - shown);
	report_warning(report,
		       "what untrusted jobs persisted is left out:%.*s%s which "
		       "--tier=untrusted would take",
		       (int)named.len, (const char *)named.at, more);
}
