#include "daemon/session/session.h"

int session_begin_silence(struct session *session, struct error *error)
{
	int err = link_flush(&session->link, error);
	if (err == 0)
		voice_set_silent(session->voice, true);
	return err;
}

void session_end_silence(struct session *session)
{
	voice_set_silent(session->voice, false);
}
