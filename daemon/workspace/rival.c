#include "daemon/workspace/rival.h"

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

static bool is_rival(const struct rivalry *rivalry, uint32_t other)
{
	const struct history_layer *layers = rivalry->now->history.layers;
	const struct history_layer *layer = &layers[rivalry->layer];
	const struct history_layer *it = &layers[other];
	return !it->shadow && it->execution == layer->execution &&
	       it->sequence > rivalry->before && it->sequence < layer->sequence;
}

bool rival_exists(const struct rivalry *rivalry)
{
	for (uint32_t i = 0; i < rivalry->now->history.layer_count; i++)
		if (is_rival(rivalry, i))
			return true;
	return false;
}

int rival_find(struct store *store, const struct rivalry *rivalry, int wake_fd,
	       struct overlap *overlap, struct error *error)
{
	const struct catalogue_history *now = rivalry->now;
	int64_t *others AUTO_FREE =
		must_calloc(now->history.layer_count + 1, sizeof(*others));
	size_t count = 0;
	for (uint32_t i = 0; i < now->history.layer_count; i++)
		if (is_rival(rivalry, i))
			others[count++] = now->records[i].id;
	return overlap_find(store, now->records[rivalry->layer].id, others, count,
			    wake_fd, overlap, error);
}
