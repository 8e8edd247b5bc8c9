/*
 * How many descriptors this process may have open.
 */
#ifndef BATON_PROTO_MACHINE_DESCRIPTOR_LIMIT_H
#define BATON_PROTO_MACHINE_DESCRIPTOR_LIMIT_H

/* Raises the soft limit to the hard one, as far as the system lets it. */
void descriptor_limit_raise(void);

#endif
