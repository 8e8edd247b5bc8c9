/* One workflow with its layers; one layer. */
#include "daemon/http/resource/workflow.h"
#include "daemon/http/request/answer.h"
#include "daemon/http/resource/describe.h"
#include "proto/base/bytes.h"

/* position: in the view; VIEW_NONE: it is not there. */
static void put_layer(struct json_writer *writer, const struct subject *subject,
		      uint32_t layer, uint32_t position)
{
	json_writer_object_begin(writer, NULL);
	describe_layer(writer, subject, layer);
	describe_after(writer, subject, position);
	json_writer_object_end(writer);
}

/* Those of the view in their order, then all others as they were committed. */
static void put_layers(struct json_writer *writer, const struct subject *subject,
		       struct arena *arena)
{
	size_t count = subject->history.history.layer_count;
	bool *listed = arena_take(arena, count + 1);
	json_writer_array_begin(writer, "layers");
	for (uint32_t i = 0; i < subject->view.layer_count; i++) {
		put_layer(writer, subject, subject->view.layers[i].layer, i);
		listed[subject->view.layers[i].layer] = true;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (!listed[i] && subject->view.states[i] != LAYER_HIDDEN)
			put_layer(writer, subject, i, VIEW_NONE);
	}
	json_writer_array_end(writer);
}

enum MHD_Result workflow_answer(struct http_request *request,
				const struct subject *subject)
{
	struct buffer json = {0};
	struct json_writer writer;
	json_writer_init(&writer, &json);
	json_writer_object_begin(&writer, NULL);
	json_writer_text(&writer, "parent", subject->history.parent);
	put_layers(&writer, subject, &request->arena);
	json_writer_object_end(&writer);
	json_writer_line_end(&writer);
	return answer_json(request, &json);
}

enum MHD_Result workflow_answer_layer(struct http_request *request,
				      const struct subject *subject)
{
	struct buffer json = {0};
	struct json_writer writer;
	json_writer_init(&writer, &json);
	json_writer_object_begin(&writer, NULL);
	describe_layer(&writer, subject, subject->layer);
	json_writer_object_end(&writer);
	json_writer_line_end(&writer);
	return answer_json(request, &json);
}
