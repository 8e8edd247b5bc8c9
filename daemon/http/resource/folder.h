/*
 * What lies in a folder, entry by entry, without what lies deeper.
 */
#ifndef BATON_DAEMON_HTTP_RESOURCE_FOLDER_H
#define BATON_DAEMON_HTTP_RESOURCE_FOLDER_H

#include "daemon/http/request/http_request.h"
#include "daemon/http/resource/subject.h"

/* 1: something lies below the path; 0: nothing does; <0. */
int folder_is_there(struct http_request *request, const struct subject *subject,
		    struct text path, struct error *error);

/* {"path", "entries": [{"name", "type", "mode", "size", "modified", "sha256", "target",
 * "layer", "conflict"}], "next"}. Of a layer it reads only the pieces that have entries
 * of the folder itself, whatever lies deeper. */
enum MHD_Result folder_answer(struct http_request *request, const struct subject *subject,
			      struct text path);

#endif
