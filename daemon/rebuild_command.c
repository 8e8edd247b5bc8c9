#include "daemon/rebuild_command.h"

#include <inttypes.h>
#include <stdio.h>

#include "daemon/rebuild/rebuild.h"

static void on_note(void *context, const char *sentence)
{
	(void)context;
	printf("note: %s\n", sentence);
}

/* What only the catalogue knew. */
static void print_lost(const struct rebuild_figures *figures)
{
	if (figures->untold)
		printf("lost: %" PRIu64 " layers that an older batond persisted, which "
		       "wrote nothing of them beside their bytes\n",
		       figures->untold);
	if (figures->executions_untold)
		printf("lost: what up to %" PRIu64 " jobs of a workflow attached that "
		       "persisted nothing\n",
		       figures->executions_untold);
	if (figures->rows.nameless)
		printf("lost: the names of %" PRIu64 " namespaces; their segments are "
		       "kept as lost-and-found-N\n",
		       figures->rows.nameless);
	if (figures->rows.missing_segments)
		printf("lost: %" PRIu64 " segments that layers name; `batond check` "
		       "tells which\n",
		       figures->rows.missing_segments);
	if (figures->unreadable)
		printf("damaged: %" PRIu64 " layers; `batond check` tells how\n",
		       figures->unreadable);
	printf("lost: what jobs attached after their last persist, workflows that "
	       "persisted nothing, which workflows had expired, were kept or removed, "
	       "and their ages: each begins its time anew\n");
}

int rebuild_command_run(const struct config *config, struct error *error)
{
	const struct rebuild_options options = {
		.directory = config->data,
		.into = config->into,
		.on_note = on_note,
	};
	struct rebuild_figures figures = {0};
	int err = rebuild_run(&options, &figures, error);
	if (err)
		return err;
	print_lost(&figures);
	printf("%" PRIu64 " layers of %" PRIu64 " workflows in %" PRIu64
	       " namespaces, from %" PRIu64 " frames in %" PRIu64 " segments",
	       figures.layers, figures.rows.workflows, figures.rows.namespaces,
	       figures.frames, figures.segments);
	if (figures.aside[0])
		printf("; the old catalogue is in %s/%s", config->data, figures.aside);
	printf("\n");
	return 0;
}
