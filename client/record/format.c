#include "client/record/format.h"

#include <string.h>

int record_compare_names(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
	return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

/* ---- in the header ---- */

void record_view_read(struct reader *in, struct record_view *ret_view)
{
	*ret_view = (struct record_view){0};
	reader_copy(in, ret_view->tag.bytes, SHA256_LEN);
	reader_copy(in, ret_view->digest.bytes, SHA256_LEN);
	reader_copy(in, ret_view->server.bytes, SHA256_LEN);
	ret_view->totals.files = reader_u64(in);
	ret_view->totals.directories = reader_u64(in);
	ret_view->totals.symlinks = reader_u64(in);
	ret_view->totals.bytes = reader_u64(in);
	ret_view->totals.units = reader_u64(in);
}

void record_view_put(const struct record_view *view, struct buffer *out)
{
	buffer_put(out, view->tag.bytes, SHA256_LEN);
	buffer_put(out, view->digest.bytes, SHA256_LEN);
	buffer_put(out, view->server.bytes, SHA256_LEN);
	buffer_put_u64(out, view->totals.files);
	buffer_put_u64(out, view->totals.directories);
	buffer_put_u64(out, view->totals.symlinks);
	buffer_put_u64(out, view->totals.bytes);
	buffer_put_u64(out, view->totals.units);
}

/* ---- what there is ---- */

bool record_view_is_known(const struct record_view *view)
{
	static const struct digest none;
	return !digest_equal(&view->tag, &none) && totals_rows(&view->totals) > 0;
}

/* The directories above rows of the base that have no row were seen together with it. */
bool record_view_has(const struct record_view *view, const struct record_name *entry)
{
	if (!view->is_base)
		return entry->in_view;
	return entry->in_base || (entry->type == ROW_DIRECTORY && entry->age == 0);
}

void record_view_count(struct record_view_sums *sums, const struct record_entry *entry)
{
	if (!entry->trusted && entry->type != ROW_DIRECTORY) {
		sums->base_unproved |= entry->in_base;
		sums->view_unproved |= entry->in_view;
	}
	if (!entry->in_base)
		return;
	sums->base.files += entry->type == ROW_FILE;
	sums->base.directories += entry->type == ROW_DIRECTORY;
	sums->base.symlinks += entry->type == ROW_SYMLINK;
	sums->base.bytes += entry->size;
	sums->base.units += entry->unit_count;
}

/* An aligned base is a view of one layer, whose tag and digest are the layer's digest. */
size_t record_views_find(const struct record_header *header,
			 const struct record_view_sums *sums,
			 struct record_view ret_views[RECORD_VIEWS_MAX])
{
	size_t count = 0;
	struct record_view base = {.tag = header->base.digest,
				   .digest = header->base.digest,
				   .totals = sums->base,
				   .is_base = true};
	if (header->base.known && header->base.aligned && !sums->base_unproved &&
	    record_view_is_known(&base))
		ret_views[count++] = base;
	bool is_other = count == 0 || !digest_equal(&base.tag, &header->view.tag);
	if (record_view_is_known(&header->view) && !sums->view_unproved && is_other)
		ret_views[count++] = header->view;
	return count;
}
