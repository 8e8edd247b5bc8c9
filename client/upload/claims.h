/*
 * Units that were believed to be equal to others: those that are not have to be sent
 * after all (rule T2).
 */
#ifndef BATON_CLIENT_UPLOAD_CLAIMS_H
#define BATON_CLIENT_UPLOAD_CLAIMS_H

#include "client/content/source.h"
#include "client/upload/exchange.h"

/* Once no unit is on its way: settles the claims, and asks about what has to be sent.
 * Nothing that it opens can be left out any more. */
int claims_settle(struct source *source, struct exchange *exchange, struct error *error);

#endif
