/* whereami: who this job is, where each value was found, and how to give the rest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/command.h"
#include "client/identity.h"
#include "client/option_table.h"
#include "client/server_list.h"
#include "proto/bytes.h"
#include "proto/cleanup.h"

/* One line of the answer. */
struct finding {
	const char *name;               /* borrowed; "workflow" */
	char *value;                    /* owned; NULL: not found */
	const char *origin;             /* borrowed; NULL: not found */
	char *advice;                   /* owned; NULL: found */
	const struct string_list *list; /* borrowed; NULL: a single value */
};

static void finding_fini(struct finding *finding)
{
	free(finding->value);
	free(finding->advice);
}

static char *joined(const struct string_list *list)
{
	struct buffer text AUTO(buffer_fini) = {0};
	for (size_t i = 0; i < list->count; i++) {
		buffer_put(&text, ", ", i > 0 ? 2 : 0);
		buffer_put(&text, list->items[i], strlen(list->items[i]));
	}
	return text.len > 0 ? must_memdup(text.at, text.len) : must_strdup("none");
}

/* "required; give --workflow ID or set BATON_WORKFLOW" */
static char *advice_for(const struct identity_value *value, const struct option *option)
{
	char *advice = NULL;
	if (asprintf(&advice, "not found: %s; give %s %s or set %s", value->absent,
		     option->flag, option->argument, option->variable) < 0)
		return must_strdup(value->absent);
	return advice;
}

static struct finding find(const struct options *options,
			   const struct identity_value *value)
{
	const struct setting *setting = identity_setting(value, options);
	const char *flag = value->flag + strlen("--");
	struct finding finding = {.name = value->name, .origin = setting->origin};
	if (setting == &options->needs_origin)
		finding.list = &options->needs;
	if (!setting->origin)
		finding.advice = advice_for(value, option_named(flag, strlen(flag)));
	else if (finding.list)
		finding.value = joined(finding.list);
	else
		finding.value = must_strdup(setting->value ? setting->value : "none");
	return finding;
}

static struct finding find_server(const struct options *options)
{
	struct string_list servers AUTO(string_list_fini) = {0};
	server_list_of(options, &servers);
	return (struct finding){
		.name = "server",
		.value = server_list_text(&servers),
		.origin = options->server.origin ? options->server.origin : "default",
	};
}

static void write_list(struct json_writer *writer, const struct string_list *list)
{
	json_writer_array_begin(writer, "value");
	for (size_t i = 0; i < list->count; i++)
		json_writer_text(writer, NULL, list->items[i]);
	json_writer_array_end(writer);
}

static void write_finding(struct json_writer *writer, const struct finding *finding)
{
	json_writer_object_begin(writer, finding->name);
	if (finding->list && finding->origin)
		write_list(writer, finding->list);
	else
		json_writer_text(writer, "value", finding->value);
	json_writer_text(writer, "origin", finding->origin);
	if (finding->advice)
		json_writer_text(writer, "advice", finding->advice);
	json_writer_object_end(writer);
}

static void tell(struct report *report, const struct finding *finding)
{
	struct json_writer *writer = report_json(report);
	if (writer)
		write_finding(writer, finding);
	else if (finding->advice)
		report_answer(report, "%-10s  %s", finding->name, finding->advice);
	else
		report_answer(report, "%-10s  %-32s  from %s", finding->name,
			      finding->value, finding->origin);
}

int whereami_run(const struct options *options, struct report *report,
		 struct error *error)
{
	(void)error;
	struct finding server AUTO(finding_fini) = find_server(options);
	tell(report, &server);
	for (const struct identity_value *value = identity_values; value->name; value++) {
		struct finding finding AUTO(finding_fini) = find(options, value);
		tell(report, &finding);
	}
	return 0;
}
