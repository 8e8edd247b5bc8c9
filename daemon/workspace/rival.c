#include "daemon/workspace/rival.h"

#include <poll.h>

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

static bool is_woken(int wake_fd)
{
	struct pollfd wake = {.fd = wake_fd, .events = POLLIN};
	return poll(&wake, 1, 0) > 0;
}

int rival_find(struct store *store, const struct rivalry *rivalry, int wake_fd,
	       struct overlap *overlap, struct error *error)
{
	const struct catalogue_history *now = rivalry->now;
	struct layer_reader *own = NULL;
	struct layer_scratch *scratch = layer_scratch_new(store);
	int err = layer_reader_open(store, now->records[rivalry->layer].id, scratch, &own,
				    error);
	for (uint32_t i = 0; err == 0 && i < now->history.layer_count; i++) {
		struct layer_reader *other = NULL;
		if (!is_rival(rivalry, i) || is_woken(wake_fd))
			continue;
		err = layer_reader_open(store, now->records[i].id, scratch, &other,
					error);
		if (err == 0)
			err = overlap_find(own, other, overlap, error);
		layer_reader_free(other);
	}
	layer_reader_free(own);
	layer_scratch_free(scratch);
	overlap_sort(overlap);
	return err;
}
