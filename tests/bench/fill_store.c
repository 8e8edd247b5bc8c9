/*
 * Fills a store with layers, the way sessions do, but without a socket between: each is
 * one small file of its own. For curves of what a store costs that has held much.
 *
 * usage: fill_store DATA LAYERS LAYERS_PER_WORKFLOW
 */
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/cleanup.h"
#include "tests/harness/store_tree.h"

#define FILE_LEN_MAX 64u

struct fill {
	struct store *store; /* borrowed */
	uint32_t layers, per_workflow;
};

static int add_layer(const struct fill *fill, uint32_t number, struct error *error)
{
	char workflow[32], job[32];
	(void)snprintf(workflow, sizeof(workflow), "filled%u",
		       number / fill->per_workflow);
	(void)snprintf(job, sizeof(job), "job%u", number % fill->per_workflow);
	struct store_tree tree AUTO(tree_fini) = tree_new(1, number, FILE_LEN_MAX);
	/* Of another name in each layer: those of a workflow do not conflict. */
	(void)snprintf(tree.files[0].path, sizeof(tree.files[0].path), "file%07u",
		       number);
	struct tree_persist persist = {
		.who = {.workflow = workflow, .job = job},
		.key = number,
		.tree = &tree,
	};
	struct layer_record record;
	return tree_persist(fill->store, &persist, &record, NULL, error);
}

static int add_layers(const struct fill *fill, struct error *error)
{
	int err = 0;
	for (uint32_t i = 0; err == 0 && i < fill->layers; i++)
		err = add_layer(fill, i, error);
	return err;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: fill_store DATA LAYERS LAYERS_PER_WORKFLOW\n");
		return 2;
	}
	struct fill fill = {
		.layers = (uint32_t)strtoul(argv[2], NULL, 10),
		.per_workflow = (uint32_t)strtoul(argv[3], NULL, 10),
	};
	struct store_options options = {.directory = argv[1]};
	struct error error = {0};
	int err = fill.per_workflow == 0
			  ? error_set(&error, ERR_USAGE, "no layers per workflow")
			  : store_open(&options, &fill.store, &error);
	if (err == 0) {
		err = add_layers(&fill, &error);
		struct error ignored;
		int closed = store_close(fill.store, err ? &ignored : &error);
		err = err ? err : closed;
	}
	if (err)
		fprintf(stderr, "fill_store: %s\n", error.text);
	return err ? 1 : 0;
}
