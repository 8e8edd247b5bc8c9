#include "client/terminal/report_conflicts.h"

#include <inttypes.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/enumeration.h"
#include "proto/base/escape.h"
#include "proto/path/path.h"

static char *copy_of(struct text text)
{
	return must_memdup(text.len > 0 ? text.at : "", text.len);
}

static void copy_layers(struct string_list *list, const struct text_list *layers)
{
	for (size_t i = 0; i < layers->count; i++) {
		char *layer AUTO_FREE = copy_of(layers->items[i]);
		string_list_add(list, layer);
	}
}

void report_conflicts_copy(struct report_conflicts *conflicts,
			   const struct msg_error *message)
{
	size_t count = message->conflicts.count;
	*conflicts = (struct report_conflicts){
		.items = must_calloc(count, sizeof(*conflicts->items)),
		.count = count,
		.total = message->conflict_count > count ? message->conflict_count
							 : count,
	};
	for (size_t i = 0; i < count; i++) {
		const struct msg_conflict *from = &message->conflicts.items[i];
		struct report_conflict *to = &conflicts->items[i];
		to->path = copy_of(from->path);
		to->path_len = from->path.len;
		copy_layers(&to->layers, &from->layers);
	}
}

void report_conflicts_fini(struct report_conflicts *conflicts)
{
	for (size_t i = 0; i < conflicts->count; i++) {
		free(conflicts->items[i].path);
		string_list_fini(&conflicts->items[i].layers);
	}
	free(conflicts->items);
	*conflicts = (struct report_conflicts){0};
}

/* ---- for people -------------------------------------------------------------------- */

static size_t directory_len(const struct report_conflict *conflict)
{
	return path_parent_len(conflict->path, conflict->path_len);
}

static bool same_directory(const struct report_conflict *a,
			   const struct report_conflict *b)
{
	size_t len = directory_len(a);
	return len == directory_len(b) && memcmp(a->path, b->path, len) == 0;
}

static void print_directory(const struct report_conflict *conflict, FILE *stream)
{
	size_t len = directory_len(conflict);
	char *directory AUTO_FREE =
		escape_encode(len > 0 ? conflict->path : ".", len > 0 ? len : 1);
	(void)fprintf(stream, "  in %s:\n", directory);
}

static void print_one(const struct report_conflict *conflict, FILE *stream)
{
	size_t parent = directory_len(conflict);
	size_t begin = parent > 0 ? parent + 1 : 0;
	char *name AUTO_FREE =
		escape_encode(conflict->path + begin, conflict->path_len - begin);
	(void)fprintf(stream, "    %s", name);
	struct enumeration layers AUTO(enumeration_fini) = {0};
	for (size_t i = 0; i < conflict->layers.count; i++)
		enumeration_add(&layers, conflict->layers.items[i]);
	if (conflict->layers.count > 0)
		(void)fprintf(stream, "  (layers %s)", enumeration_end(&layers));
	(void)fputc('\n', stream);
}

void report_conflicts_print(const struct report_conflicts *conflicts, FILE *stream)
{
	for (size_t i = 0; i < conflicts->count; i++) {
		const struct report_conflict *conflict = &conflicts->items[i];
		if (i == 0 || !same_directory(conflict, conflict - 1))
			print_directory(conflict, stream);
		print_one(conflict, stream);
	}
	if (conflicts->total > conflicts->count && conflicts->count > 0)
		(void)fprintf(stream, "  and %" PRIu64 " more\n",
			      conflicts->total - conflicts->count);
}

/* ---- for programs ------------------------------------------------------------------ */

void report_conflicts_json(const struct report_conflicts *conflicts,
			   struct json_writer *writer)
{
	json_writer_array_begin(writer, "conflicts");
	for (size_t i = 0; i < conflicts->count; i++) {
		const struct report_conflict *conflict = &conflicts->items[i];
		json_writer_object_begin(writer, NULL);
		json_writer_path(writer, "path", conflict->path, conflict->path_len);
		json_writer_array_begin(writer, "layers");
		for (size_t j = 0; j < conflict->layers.count; j++)
			json_writer_text(writer, NULL, conflict->layers.items[j]);
		json_writer_array_end(writer);
		json_writer_object_end(writer);
	}
	json_writer_array_end(writer);
	json_writer_unsigned(writer, "conflict_count", conflicts->total);
}
