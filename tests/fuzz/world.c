#include "tests/fuzz/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/metrics/metrics.h"
#include "daemon/session/persist_keys.h"
#include "daemon/store/check/check.h"
#include "daemon/task/budget.h"
#include "daemon/terms/terms.h"
#include "proto/base/bytes.h"
#include "tests/harness/scratch.h"

/* Small, so that segments are sealed and others begun. */
#define SEGMENT_LEN (64u * 1024u)
#define VIEW_MEMORY (64u * 1024u * 1024u)

static struct daemon_figures figures(void *context)
{
	(void)context;
	return (struct daemon_figures){.connections = 1, .running = 1};
}

static void must(int err, const struct error *error)
{
	if (err < 0)
		claim_failed(error->text, __FILE__, __LINE__);
}

static void on_failure(void *context, const char *sentence)
{
	(void)context;
	claim_failed(sentence, __FILE__, __LINE__);
}

static void open_store(struct world *world)
{
	struct error error = {0};
	world->directory = scratch_new();
	const struct store_options options = {.directory = world->directory,
					      .segment_len = SEGMENT_LEN,
					      .on_failure = on_failure};
	must(store_open(&options, &world->services.store, &error), &error);
	world->services.data = world->directory;
	world->inputs = 0;
}

/* No client can damage a store, whatever it sends. */
static void close_store(struct world *world)
{
	struct error error = {0};
	const struct check_options options = {.read_data = true, .on_damage = on_failure};
	struct check_figures found;
	must(check_store(world->services.store, &options, &found, &error), &error);
	claim(found.damaged == 0);
	must(store_close(world->services.store, &error), &error);
	scratch_free(world->directory);
}

static struct world *make(void)
{
	static struct world world;
	struct error error = {0};
	char nowhere[] = "/dev/null"; /* no tokens */
	const struct config config = {.data = nowhere};
	world.services = (struct services){
		.metrics = metrics_new(),
		.keys = persist_keys_new(),
		.views = budget_new(VIEW_MEMORY),
		.log = &world.log,
		.figures = figures,
	};
	must(crew_new(1, &world.services.crew, &error), &error);
	must(access_new(&config, &world.services.access, &error), &error);
	must(terms_book_new(&config, &world.services.terms, &error), &error);
	open_store(&world);
	return &world;
}

static void end_last(void)
{
	close_store(world_begin());
}

static void grant(struct world *world, enum world_asker asker, enum tier tier,
		  uint32_t verbs)
{
	struct principal *principal = principal_new("a fuzzer", tier);
	struct grant grant = {.exact = true, .verbs = verbs};
	string_list_add(&grant.namespaces, world->namespace);
	if (asker == ASKER_BOUND) {
		grant.workflow = must_strdup("w");
		grant.job = must_strdup("a");
	}
	principal_add(principal, &grant);
	principal_free(world->askers[asker]);
	world->askers[asker] = principal;
}

struct world *world_begin(void)
{
	static struct world *world;
	static unsigned number;
	if (!world) {
		world = make();
		claim(atexit(end_last) == 0);
	}
	if (world->inputs++ == WORLD_INPUTS_MAX) {
		close_store(world);
		open_store(world);
	}
	(void)snprintf(world->namespace, sizeof(world->namespace), "n%u", ++number);
	grant(world, ASKER_ANY, TIER_TRUSTED, VERBS_ALL);
	grant(world, ASKER_UNTRUSTED, TIER_UNTRUSTED, VERB_READ | VERB_WRITE);
	grant(world, ASKER_READER, TIER_TRUSTED, VERB_READ);
	grant(world, ASKER_BOUND, TIER_TRUSTED, VERB_READ | VERB_WRITE);
	return world;
}

void world_end(struct world *world)
{
	claim(!store_is_read_only(world->services.store));
	claim(!store_refusal(world->services.store)->code);
}
