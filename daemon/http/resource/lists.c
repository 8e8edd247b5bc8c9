/* Namespaces, and the workflows of one. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/access/grant/tier.h"
#include "daemon/http/request/answer.h"
#include "daemon/http/request/page.h"
#include "daemon/http/resource/describe.h"
#include "daemon/http/resource/lists.h"
#include "daemon/store/catalogue/list.h"

/* ---- namespaces ------------------------------------------------------------------ */

/* Names that the visitor has a grant for; others are not there for him. */
static size_t put_granted(struct http_request *request,
			  const struct namespace_page *found, size_t room,
			  struct json_writer *writer, const char **ret_last)
{
	size_t count = 0;
	for (size_t i = 0; i < found->count && count < room; i++) {
		const struct listed_namespace *entry = &found->items[i];
		*ret_last = entry->name;
		if (!principal_has_namespace(request->visitor->principal,
					     text_of(entry->name)))
			continue;
		json_writer_object_begin(writer, NULL);
		json_writer_text(writer, "name", entry->name);
		describe_time(writer, "created", entry->created_ms);
		json_writer_object_end(writer);
		count++;
	}
	return count;
}

static int put_namespaces(struct http_request *request, const struct page *page,
			  struct json_writer *writer, struct error *error)
{
	struct catalogue *catalogue = store_catalogue(request->services->store);
	struct namespace_page found = {.more = true};
	const char *last = NULL;
	struct text after = page->after;
	for (size_t left = page->limit; found.more && left > 0;) {
		int err = catalogue_list_namespaces(catalogue, after, left,
						    &request->arena, &found, error);
		if (err)
			return err;
		left -= put_granted(request, &found, left, writer, &last);
		after = text_of(last);
	}
	json_writer_array_end(writer);
	json_writer_text(writer, "next", found.more ? last : NULL);
	return 0;
}

enum MHD_Result lists_namespaces(struct http_request *request)
{
	struct error error = {0};
	struct page page;
	struct buffer json = {0};
	struct json_writer writer;
	json_writer_init(&writer, &json);
	json_writer_object_begin(&writer, NULL);
	json_writer_array_begin(&writer, "namespaces");
	if (page_read(request, PAGE_ENTRIES, &page, &error) ||
	    put_namespaces(request, &page, &writer, &error)) {
		buffer_fini(&json);
		return answer_error(request, &error);
	}
	json_writer_object_end(&writer);
	json_writer_line_end(&writer);
	return answer_json(request, &json);
}

/* ---- workflows ------------------------------------------------------------------- */

static void put_workflow(struct json_writer *writer, const struct listed_workflow *entry)
{
	json_writer_object_begin(writer, NULL);
	json_writer_text(writer, "workflow", entry->name);
	json_writer_text(writer, "parent", entry->parent);
	json_writer_text(writer, "tier", tier_text(entry->tier));
	describe_time(writer, "created", entry->created_ms);
	describe_time(writer, "expired", entry->expired_ms);
	json_writer_unsigned(writer, "jobs", entry->jobs);
	json_writer_unsigned(writer, "layers", entry->layers);
	json_writer_unsigned(writer, "bytes", entry->bytes);
	json_writer_object_end(writer);
}

static enum MHD_Result answer_workflows(struct http_request *request,
					const struct workflow_page *found)
{
	struct buffer json = {0};
	struct json_writer writer;
	char next[24] = "";
	json_writer_init(&writer, &json);
	json_writer_object_begin(&writer, NULL);
	json_writer_array_begin(&writer, "workflows");
	for (size_t i = 0; i < found->count; i++)
		put_workflow(&writer, &found->items[i]);
	json_writer_array_end(&writer);
	if (found->more)
		(void)snprintf(next, sizeof(next), "%lld",
			       (long long)found->items[found->count - 1].id);
	json_writer_text(&writer, "next", found->more ? next : NULL);
	json_writer_object_end(&writer);
	json_writer_line_end(&writer);
	return answer_json(request, &json);
}

static int parse_after(struct text after, int64_t *ret_before, struct error *error)
{
	char *end = NULL;
	*ret_before = after.len ? strtoll(after.at, &end, 10) : 0;
	if (after.len && (*end || *ret_before < 1))
		return error_set(error, ERR_USAGE,
				 "after: is the `next` of the page before");
	return 0;
}

enum MHD_Result lists_workflows(struct http_request *request, const struct scope *scope)
{
	struct error error = {0};
	struct page page;
	struct workflow_page found;
	int64_t before;
	if (page_read(request, PAGE_ENTRIES, &page, &error) ||
	    parse_after(page.after, &before, &error) ||
	    catalogue_list_workflows(store_catalogue(request->services->store), scope,
				     before, page.limit, &request->arena, &found, &error))
		return answer_error(request, &error);
	return answer_workflows(request, &found);
}
