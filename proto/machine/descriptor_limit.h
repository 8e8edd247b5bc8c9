/*
 * How many descriptors this process may have open.
 */
#ifndef BATON_PROTO_MACHINE_DESCRIPTOR_LIMIT_H
#define BATON_PROTO_MACHINE_DESCRIPTOR_LIMIT_H

#include <stdint.h>

/* Raises the soft limit to the hard one, as far as the system lets it. */
void descriptor_limit_raise(void);
/* How many that are now; UINT64_MAX: any number. */
uint64_t descriptor_limit(void);

#endif
