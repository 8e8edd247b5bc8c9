#include "client/question/question.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

/* *ret_items is owned by the caller; the texts borrow. */
static struct text_list put_list(const struct string_list *list, struct text **ret_items)
{
	struct text *items = must_calloc(list->count + 1, sizeof(*items));
	for (size_t i = 0; i < list->count; i++)
		items[i] = text_of(list->items[i]);
	*ret_items = items;
	return (struct text_list){.items = items, .count = list->count};
}

void question_take_only(struct question *request, const struct options *options,
			const struct string_list *paths)
{
	free(request->only);
	string_list_fini(&request->escaped);
	request->escaped = (struct string_list){0};
	for (size_t i = 0; options->literal && i < paths->count; i++) {
		char *pattern AUTO_FREE = glob_escape(paths->items[i]);
		string_list_add(&request->escaped, pattern);
	}
	request->message.only =
		put_list(options->literal ? &request->escaped : paths, &request->only);
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
	message->tier = text_of(options->untrusted ? "untrusted" : NULL);
	message->if_empty = options->if_empty != IF_EMPTY_ERROR;
	message->from = put_list(&options->from, &ret_request->from);
	message->prefer = put_list(&options->prefer, &ret_request->prefer);
	question_take_only(ret_request, options, &options->only);
	message->exclude = put_list(&options->exclude, &ret_request->exclude);
	return 0;
}

void question_fini(struct question *request)
{
	free(request->needs);
	free(request->from);
	free(request->only);
	string_list_fini(&request->escaped);
	free(request->exclude);
	free(request->prefer);
	*request = (struct question){0};
}

static int add_patterns(struct glob_set *set, const struct string_list *patterns,
			bool literal, struct error *error)
{
	int err = 0;
	for (size_t i = 0; !err && i < patterns->count; i++) {
		const char *given = patterns->items[i];
		char *escaped AUTO_FREE = literal ? glob_escape(given) : NULL;
		const char *pattern = escaped ? escaped : given;
		err = glob_set_add(set, pattern, strlen(pattern), error);
	}
	return err;
}

int question_filter(const struct options *options, struct glob_filter *ret_filter,
		    struct error *error)
{
	*ret_filter = (struct glob_filter){.exclude.basename_anywhere = true};
	int err =
		add_patterns(&ret_filter->only, &options->only, options->literal, error);
	return err ? err
		   : add_patterns(&ret_filter->exclude, &options->exclude, false, error);
}
