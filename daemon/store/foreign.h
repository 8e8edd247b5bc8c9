/*
 * Whether a directory that is to become a store is somebody's: what lies in one that has
 * never been a store is not for a daemon to live among.
 */
#ifndef BATON_STORE_FOREIGN_H
#define BATON_STORE_FOREIGN_H

#include "proto/base/error.h"

/* ERR_USAGE names one of the things that lie in the open directory, where it is no store
 * and holds more than one begins with. shown: for sentences. */
int foreign_check(int directory_fd, const char *shown, struct error *error);

#endif
