/*
 * The quotas of a persist's namespace and tier (rule L3), as the configuration says them
 * at each moment.
 */
#ifndef BATON_DAEMON_VERB_PERSIST_QUOTA_H
#define BATON_DAEMON_VERB_PERSIST_QUOTA_H

#include "daemon/verb/persist/state.h"

/* Before anything is sent: ERR_QUOTA where there is no place for another layer, or no
 * room at all. */
int persist_quota_enter(struct persisting *persist, struct error *error);
/* Before something is written: what SIGHUP has changed counts at once. */
void persist_quota_renew(struct persisting *persist);
/* Makes the whole sentence of an ERR_QUOTA: whose quota it is, and what ends next there.
 */
void persist_quota_explain(const struct persisting *persist, struct error *error);

#endif
