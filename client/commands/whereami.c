/* whereami: who this job is, where each value was found, and how to give the rest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/ci/ci.h"
#include "client/commands/command.h"
#include "client/connection/server_list.h"
#include "client/options/identity.h"
#include "client/options/option_table.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* One line of the answer. */
struct answer_line {
	const char *name;               /* borrowed; "workflow" */
	char *value;                    /* owned; NULL: not found */
	char *origin;                   /* owned; NULL: not found */
	char *advice;                   /* owned; NULL: found */
	const struct string_list *list; /* borrowed; NULL: a single value */
};

static void answer_line_fini(struct answer_line *line)
{
	free(line->value);
	free(line->origin);
	free(line->advice);
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

/* "not found: required; give --workflow ID or set BATON_WORKFLOW" */
static char *missing_advice(const struct identity_value *value, const char *hint)
{
	const struct option *option = identity_option(value);
	char *advice = NULL;
	if (asprintf(&advice, "not found: %s; give %s %s or set %s",
		     hint ? hint : value->absent, option->flag, option->argument,
		     option->variable) < 0)
		return must_strdup(value->absent);
	return advice;
}

/* Why a value was not found, and how to give it. */
static char *advice_for(const struct identity_value *value,
			const struct ci_system *system)
{
	struct ci_finding looked AUTO(ci_finding_fini) = {0};
	ci_find(system, value->flag, &looked);
	if (looked.problem)
		return identity_advice(value, system, looked.problem);
	return missing_advice(value, ci_hint(system, value->flag));
}

static struct answer_line find(const struct options *options,
			       const struct identity_value *value,
			       const struct ci_system *system)
{
	const struct setting *setting = identity_setting(value, options);
	struct answer_line line = {.name = value->name};
	if (setting->origin)
		line.origin = must_strdup(setting->origin);
	if (setting == &options->needs_origin)
		line.list = &options->needs;
	if (!setting->origin)
		line.advice = advice_for(value, system);
	else if (line.list)
		line.value = joined(line.list);
	else
		line.value = must_strdup(setting->value ? setting->value : "none");
	return line;
}

static struct answer_line find_system(const struct ci_system *system)
{
	if (!system)
		return (struct answer_line){
			.name = "ci",
			.advice = must_strdup("not found: no CI system is recognised"),
		};
	return (struct answer_line){
		.name = "ci",
		.value = must_strdup(system->name),
		.origin = must_strdup(system->marker),
	};
}

/* The branch or the commit, which are only shown. */
static struct answer_line find_shown(const struct ci_system *system, const char *name)
{
	struct ci_finding looked AUTO(ci_finding_fini) = {0};
	ci_find(system, name, &looked);
	struct answer_line line = {.name = name};
	if (!looked.value)
		line.advice = must_strdup("not found: no CI system says it; it is "
					  "only shown here");
	line.value = take_ptr(&looked.value);
	line.origin = take_ptr(&looked.origin);
	return line;
}

static struct answer_line find_server(const struct options *options)
{
	struct string_list servers AUTO(string_list_fini) = {0};
	server_list_of(options->server.value, &servers);
	return (struct answer_line){
		.name = "server",
		.value = server_list_text(&servers),
		.origin = must_strdup(options->server.origin ? options->server.origin
							     : "default"),
	};
}

static void write_list(struct json_writer *writer, const struct string_list *list)
{
	json_writer_array_begin(writer, "value");
	for (size_t i = 0; i < list->count; i++)
		json_writer_text(writer, NULL, list->items[i]);
	json_writer_array_end(writer);
}

static void write_line(struct json_writer *writer, const struct answer_line *line)
{
	json_writer_object_begin(writer, line->name);
	if (line->list && line->origin)
		write_list(writer, line->list);
	else
		json_writer_text(writer, "value", line->value);
	json_writer_text(writer, "origin", line->origin);
	if (line->advice)
		json_writer_text(writer, "advice", line->advice);
	json_writer_object_end(writer);
}

static void tell(struct report *report, const struct answer_line *line)
{
	struct json_writer *writer = report_json(report);
	if (writer)
		write_line(writer, line);
	else if (line->advice)
		report_answer(report, "%-10s  %s", line->name, line->advice);
	else
		report_answer(report, "%-10s  %-32s  from %s", line->name, line->value,
			      line->origin);
}

static void tell_notes(struct report *report, const struct string_list *notes)
{
	struct json_writer *writer = report_json(report);
	if (writer)
		json_writer_array_begin(writer, "notes");
	for (size_t i = 0; i < notes->count; i++) {
		if (writer)
			json_writer_text(writer, NULL, notes->items[i]);
		else
			report_answer(report, "%-10s  %s", "note", notes->items[i]);
	}
	if (writer)
		json_writer_array_end(writer);
}

/* Prints the line and frees it. */
static void tell_once(struct report *report, struct answer_line line)
{
	tell(report, &line);
	answer_line_fini(&line);
}

int whereami_run(const struct options *options, struct report *report,
		 struct error *error)
{
	(void)error;
	struct string_list notes AUTO(string_list_fini) = {0};
	const struct ci_system *system = ci_detect(ci_systems, &notes);
	tell_once(report, find_server(options));
	tell_once(report, find_system(system));
	for (const struct identity_value *value = identity_values; value->name; value++)
		tell_once(report, find(options, value, system));
	tell_once(report, find_shown(system, "branch"));
	tell_once(report, find_shown(system, "commit"));
	tell_notes(report, &notes);
	return 0;
}
