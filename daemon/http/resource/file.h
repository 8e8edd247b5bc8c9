/*
 * One file as the answer: all of it or a range, as the client takes it.
 */
#ifndef BATON_DAEMON_HTTP_RESOURCE_FILE_H
#define BATON_DAEMON_HTTP_RESOURCE_FILE_H

#include "daemon/http/request/http_request.h"
#include "daemon/store/layer/content.h"

/*
 * The content is taken over where an answer needs it longer: then *content is NULL.
 *
 * ETag is the SHA-256 of the file, in hexadecimal, where the manifest has it: of a file
 * of one unit. Of others it is the SHA-256 of the names of its units, behind `u-`: as
 * strong, but of no other use. If-None-Match, If-Range and one Range are heeded. Nothing
 * that a file contains runs in the origin of the daemon (artifacts.md K11).
 */
enum MHD_Result file_answer(struct http_request *request, struct content **content);

#endif
