#include "client/commands/question.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

/* *ret_items is owned by the caller; the texts borrow. */
static int put_list(const struct string_list *list, size_t most, const char *option,
		    struct text **ret_items, struct text_list *ret_list,
		    struct error *error)
{
	if (list->count > most)
		return error_set(error, ERR_USAGE, "%s: given %zu times; at most %zu go",
				 option, list->count, most);
	struct text *items = must_calloc(list->count + 1, sizeof *items);
	for (size_t i = 0; i < list->count; i++)
		items[i] = text_of(list->items[i]);
	*ret_items = items;
	*ret_list = (struct text_list){.items = items, .count = list->count};
	return 0;
}

static int put_lists(const struct options *options, struct question *request,
		     struct error *error)
{
	struct msg_attach *message = &request->message;
	int err = put_list(&options->from, NEEDS_MAX, "--from", &request->from,
			   &message->from, error);
	if (!err)
		err = put_list(&options->prefer, NEEDS_MAX, "--prefer", &request->prefer,
			       &message->prefer, error);
	if (!err)
		err = put_list(&options->only, PATTERNS_MAX, "--only", &request->only,
			       &message->only, error);
	if (!err)
		err = put_list(&options->exclude, PATTERNS_MAX, "--exclude",
			       &request->exclude, &message->exclude, error);
	return err;
}

int question_make(const struct options *options, const char *purpose,
		  struct question *ret_request, struct error *error)
{
	*ret_request = (struct question){0};
	struct msg_attach *message = &ret_request->message;
	int err = options_identity(options, false, &message->identity,
				   &ret_request->needs, error);
	if (err)
		return err;
	message->purpose = text_of(purpose);
	message->from_workflow = text_of(options->from_workflow);
	message->layer = text_of(options->layer);
	message->on_conflict = text_of(options->on_conflict);
	message->by_job = options->by_job;
	message->stale = text_of(options->stale_keep ? "keep" : NULL);
	message->if_empty = options->if_empty != IF_EMPTY_ERROR;
	return put_lists(options, ret_request, error);
}

void question_fini(struct question *request)
{
	free(request->needs);
	free(request->from);
	free(request->only);
	free(request->exclude);
	free(request->prefer);
	*request = (struct question){0};
}

static int add_patterns(struct glob_set *set, const struct string_list *patterns,
			struct error *error)
{
	int err = 0;
	for (size_t i = 0; !err && i < patterns->count; i++)
		err = glob_set_add(set, patterns->items[i], strlen(patterns->items[i]),
				   error);
	return err;
}

int question_filter(const struct options *options, struct glob_filter *ret_filter,
		    struct error *error)
{
	*ret_filter = (struct glob_filter){.exclude.basename_anywhere = true};
	int err = add_patterns(&ret_filter->only, &options->only, error);
	return err ? err : add_patterns(&ret_filter->exclude, &options->exclude, error);
}

char *question_pattern(const char *path)
{
	char *pattern = must_alloc(2 * strlen(path) + 1);
	char *end = pattern;
	for (const char *at = path; *at; at++) {
		if (strchr("*?[]{},\\!", *at))
			*end++ = '\\';
		*end++ = *at;
	}
	*end = '\0';
	return pattern;
}
