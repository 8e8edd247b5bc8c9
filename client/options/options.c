#include "client/options/options.h"

#include <stdlib.h>
#include <string.h>

#include "client/ci/ci.h"
#include "client/options/identity.h"
#include "client/options/option_kinds.h"
#include "client/options/option_prefix.h"
#include "client/options/option_table.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/options/apply.h"
#include "proto/options/verb.h"

/* ---- the environment --------------------------------------------------------------- */

/* Sets a value that was not given from the CI system's variables. */
static int take_detected(struct options *options, const struct identity_value *value,
			 const struct ci_system *system, struct error *error)
{
	struct ci_finding finding AUTO(ci_finding_fini) = {0};
	if (value->at == offsetof(struct options, shard))
		ci_matrix_shard(&finding);
	if (!finding.value)
		ci_find(system, value->flag, &finding);
	char **problem = value->for_persist ? &options->execution_problem
					    : &options->identity_problem;
	if (finding.problem && !*problem)
		*problem = identity_advice(value, system, finding.problem);
	if (!finding.value)
		return 0;
	const struct option *option = identity_option(value);
	ci_finding_shorten(&finding, option->kind->is_list);
	struct option_use use = {option, finding.value, finding.origin};
	int err = option_apply_text(&use, options, error);
	if (err == 0 && value->at == offsetof(struct options, retry_of))
		options->retry_detected = true;
	return err;
}

static int detect_identity(struct options *options, struct error *error)
{
	const struct ci_system *system = ci_detect(ci_systems, NULL);
	int err = 0;
	for (const struct identity_value *value = identity_values; value->name; value++) {
		if (err == 0 && !identity_setting(value, options)->origin)
			err = take_detected(options, value, system, error);
	}
	return err;
}

/* ---- all of it --------------------------------------------------------------------- */

static int check_paths(const struct options *options, struct error *error)
{
	if (options->verb != &verbs[VERB_PERSIST] || options->arguments.count > 0 ||
	    options->paths_from)
		return 0;
	return error_set(error, ERR_USAGE,
			 "persist: which files? give a PATH, or --paths-from");
}

static bool needs_identity(const struct verb *verb)
{
	return verb != &verbs[VERB_HELP] && verb != &verbs[VERB_VERSION];
}

/* The options' own variables come before those of the CI system. */
static int read_environment(struct options *options, const struct option_words *words,
			    struct error *error)
{
	int err = option_apply_variables(&baton, words, options, error);
	return err < 0 ? err : detect_identity(options, error);
}

static void set_defaults(struct options *options)
{
	bool has_directory = options->verb == &verbs[VERB_ATTACH] &&
			     options->arguments.count > 0;
	option_keep(&options->directory,
		    has_directory ? options->arguments.items[0] : ".");
	if (!options->namespace.origin)
		option_keep(&options->namespace.origin, "default");
}

int options_fill(struct options *options, struct option_words *words, struct error *error)
{
	*options = (struct options){.verb = words->verb};
	option_apply_initial(&baton, options);
	int err = option_apply_words(&baton, words, options, &options->arguments, error);
	if (err == 0 && needs_identity(options->verb))
		err = read_environment(options, words, error);
	if (err == 0)
		err = check_paths(options, error);
	if (err < 0)
		return err;
	set_defaults(options);
	return option_prefix_fill(options, error);
}

int options_parse(struct options *options, int argc, char *const *argv,
		  struct error *error)
{
	*options = (struct options){0};
	struct option_words words AUTO(option_words_fini) = {0};
	int err = option_words_split(&baton, argc, argv, &words, error);
	bool json = option_words_find(&words, "--json");
	bool quiet = option_words_find(&words, "--quiet");
	if (err == 0)
		err = option_verb_take(&baton, &words, error);
	if (err == 0)
		err = options_fill(options, &words, error);
	options->json = json;
	options->quiet = quiet;
	return err;
}

void options_fini(struct options *options)
{
	option_fini(&baton, options);
	free(options->needs_origin.origin);
	free(options->identity_problem);
	free(options->execution_problem);
	free(options->directory);
	string_list_fini(&options->arguments);
	*options = (struct options){0};
}
