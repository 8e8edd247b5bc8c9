/*
 * Jenkins: a stage of one name may run in several `node` blocks at once, cells of a
 * matrix or branches of `parallel`. Jenkins puts a random UUID into the environment of
 * each block, by which it finds the processes that are left at its end. People overwrite
 * it to keep a process alive, with words that are the same in each block.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/ci/ci.h"
#include "proto/base/bytes.h"

#define UUID_LEN 36u

static bool is_uuid(const char *text)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	if (strlen(text) != UUID_LEN)
		return false;
	for (size_t i = 0; i < UUID_LEN; i++) {
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (is_dash ? text[i] != '-' : !strchr(hex, text[i]))
			return false;
	}
	return true;
}

void ci_jenkins_execution(struct ci_finding *ret_finding)
{
	const char *cookie = ci_variable("JENKINS_NODE_COOKIE");
	if (!cookie || !is_uuid(cookie))
		return;
	ret_finding->value = must_strdup(cookie);
	ret_finding->origin = must_strdup("JENKINS_NODE_COOKIE");
}
