#include "daemon/metrics/page.h"

#include "daemon/verb/verb.h"
#include "proto/base/cleanup.h"

int verb_metrics(struct session *session, struct error *error)
{
	if (!principal_is_admin_of_all(session->principal))
		return error_set(error, ERR_DENIED,
				 "the figures are for who has the verb admin in every "
				 "namespace");
	struct buffer page AUTO(buffer_fini) = {0};
	int err = metrics_page(session->services, &page, error);
	if (err)
		return err;
	const struct msg_metrics_reply reply = {
		.text = {(const char *)page.at, page.len}};
	session_end_silence(session);
	return link_send_control(&session->link, MSG_METRICS_REPLY, &reply, error);
}
