#include "daemon/http/resource.h"

#include "daemon/http/archive/send.h"
#include "daemon/http/resource/lists.h"
#include "daemon/http/resource/path.h"
#include "daemon/http/resource/subject.h"
#include "daemon/http/resource/workflow.h"

#include "daemon/http/openapi.h"
#include "daemon/http/request/answer.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

static enum MHD_Result show_about(struct http_request *request)
{
	struct buffer json = {0};
	struct json_writer writer;
	json_writer_init(&writer, &json);
	json_writer_object_begin(&writer, NULL);
	json_writer_text(&writer, "software", "batond " BATON_VERSION);
	json_writer_text(&writer, "openapi", "/api/v1/openapi.json");
	json_writer_text(&writer, "namespaces", "/api/v1/namespaces");
	json_writer_text(&writer, "principal", request->visitor->principal->name);
	json_writer_object_end(&writer);
	json_writer_line_end(&writer);
	return answer_json(request, &json);
}

static enum MHD_Result show_openapi(struct http_request *request)
{
	struct buffer json = {0};
	buffer_put(&json, openapi_json, sizeof(openapi_json) - 1);
	return answer_json(request, &json);
}

static enum MHD_Result answer_workflows(struct http_request *request,
					const struct route *route)
{
	struct error error = {0};
	struct scope scope;
	if (subject_scope(request, route->namespace, &scope, &error))
		return answer_error(request, &error);
	return lists_workflows(request, &scope);
}

static enum MHD_Result show_subject(struct http_request *request,
				    const struct route *route)
{
	struct error error = {0};
	struct subject subject AUTO(subject_fini) = {0};
	if (subject_find(request, route, &subject, &error))
		return answer_error(request, &error);
	switch (route->kind) {
	case ROUTE_WORKFLOW:
		return workflow_answer(request, &subject);
	case ROUTE_LAYER:
		return workflow_answer_layer(request, &subject);
	case ROUTE_ARCHIVE:
		return archive_send(request, &subject, route);
	default:
		return path_answer(request, &subject, route);
	}
}

/* A layer may be any workflow's, so that who may read only one may not ask for it. */
static int authorise(struct http_request *request, const struct route *route,
		     struct error *error)
{
	return http_request_may_read(request, route->namespace, route->workflow, error);
}

enum MHD_Result resource_answer(struct http_request *request, const struct route *route)
{
	struct error error = {0};
	switch (route->kind) {
	case ROUTE_UNKNOWN:
		(void)error_set(&error, ERR_NOT_FOUND,
				"there is nothing under this URL; /api/v1/openapi.json "
				"describes what there is");
		return answer_error(request, &error);
	case ROUTE_ABOUT:
		return show_about(request);
	case ROUTE_OPENAPI:
		return show_openapi(request);
	case ROUTE_NAMESPACES:
		return lists_namespaces(request);
	default:
		break;
	}
	if (authorise(request, route, &error))
		return answer_error(request, &error);
	return route->kind == ROUTE_WORKFLOWS ? answer_workflows(request, route)
					      : show_subject(request, route);
}
