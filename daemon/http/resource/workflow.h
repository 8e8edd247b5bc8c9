/*
 * One workflow with its layers; one layer.
 */
#ifndef BATON_DAEMON_HTTP_RESOURCE_WORKFLOW_H
#define BATON_DAEMON_HTTP_RESOURCE_WORKFLOW_H

#include "daemon/http/request/http_request.h"
#include "daemon/http/resource/subject.h"

/* {"parent", "layers": […]}: those of the view in their order, then all others. */
enum MHD_Result workflow_answer(struct http_request *request,
				const struct subject *subject);
/* The layer that the subject is. */
enum MHD_Result workflow_answer_layer(struct http_request *request,
				      const struct subject *subject);

#endif
