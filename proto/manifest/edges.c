#include <stdlib.h>

#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/manifest/manifest.h"
#include "proto/path/path.h"

void piece_edges_fini(struct piece_edges *edges)
{
	free(edges->first);
	free(edges->last);
	*edges = (struct piece_edges){0};
}

struct piece_edges piece_edges_copy(const struct piece_edges *edges)
{
	struct piece_edges copy = *edges;
	copy.first = must_memdup(edges->first, edges->first_len);
	copy.last = must_memdup(edges->last, edges->last_len);
	return copy;
}

/* Bytes of the piece's rows that the decoder has read. */
static size_t read_len(const struct row_decoder *decoder)
{
	claim(decoder->piece_at);
	return (size_t)(decoder->in.at - decoder->piece_at);
}

void piece_edges_begin(struct piece_edges *edges, const struct row_decoder *decoder)
{
	piece_edges_fini(edges);
	edges->first = must_memdup(decoder->path, decoder->path_len);
	edges->first_len = decoder->path_len;
	edges->first_row_len = read_len(decoder);
}

void piece_edges_end(struct piece_edges *edges, const struct row_decoder *decoder)
{
	claim(edges->first && !edges->last);
	edges->last = must_memdup(decoder->path, decoder->path_len);
	edges->last_len = decoder->path_len;
	edges->last_type = decoder->type;
	bool ends = piece_ends_after(read_len(decoder), edges->last, edges->last_len);
	edges->open_len = ends ? 0 : read_len(decoder);
}

/* How long the piece before would have become with the first row of the next one. */
static size_t joined_len(const struct piece_edges *before,
			 const struct piece_edges *after)
{
	size_t shared = path_shared(before->last, before->last_len, after->first,
				    after->first_len);
	size_t suffix_len = after->first_len - shared;
	size_t as_first = varint_len(0) + varint_len(after->first_len) + after->first_len;
	size_t as_next = varint_len(shared) + varint_len(suffix_len) + suffix_len;
	return before->open_len + after->first_row_len - as_first + as_next;
}

static int refuse(const struct piece_edges *after, struct error *error, const char *why)
{
	char *path AUTO_FREE = escape_encode(after->first, after->first_len);
	return error_set(error, ERR_DAMAGED, "manifest: `%s`: %s", path, why);
}

int piece_edges_follow(const struct piece_edges *before, const struct piece_edges *after,
		       struct error *error)
{
	if (path_compare(before->last, before->last_len, after->first,
			 after->first_len) >= 0)
		return refuse(after, error, "not in order behind the piece before it");
	if (before->last_type != ROW_DIRECTORY &&
	    path_below(after->first, after->first_len, before->last, before->last_len))
		return refuse(after, error, "lies below a file or a symbolic link");
	if (before->open_len > 0 && joined_len(before, after) <= PIECE_LEN_MAX)
		return refuse(after, error, "belongs into the piece before");
	return 0;
}
