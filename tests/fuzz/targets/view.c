/*
 * A daemon's view, as it comes to a client that attaches: VIEW messages, ROWS, ROWS_END,
 * from a daemon that says anything. The daemon of one's own network is not trusted with
 * more than the names of files below DIR.
 */
#include <stdlib.h>

#include "client/view/rows.h"
#include "proto/base/cleanup.h"
#include "proto/path/path.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memory_stream.h"

static void check_row(const struct view_rows *view, const struct view_row *row)
{
	claim(path_valid(row->row.path, row->row.path_len) && row->row.mode <= 0777);
	claim(row->layer < view->layers.count);
	for (size_t i = 0; i < row->conflict_count; i++)
		claim(row->conflict_layers[i] < view->layers.count);
	char label[LAYER_LABEL_SIZE];
	(void)layer_label(&view->layers.items[row->layer], label, sizeof(label));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct memory_stream stream = {.at = data, .left = len};
	struct link link;
	link_init(&link, memory_stream_transport(&stream), -1, "the daemon");
	link_greeted(&link);
	struct view_rows view;
	struct view_row row;
	struct error error = {0};
	const struct msg_attach request = {.purpose = text_of("attach")};
	int result = view_rows_open(&view, &link, &request, &error);
	if (result == 0 && view.held)
		result = view_rows_want(&view, &error);
	uint64_t rows = 0;
	while (result >= 0 && (result = view_rows_next(&view, &row, &error)) == 1) {
		check_row(&view, &row);
		rows++;
	}
	if (result == 0)
		claim(totals_rows(&view.totals) == rows);
	view_rows_fini(&view);
	link.transport = (struct transport){0};
	link_fini(&link);
	buffer_fini(&stream.sent);
	return 0;
}
