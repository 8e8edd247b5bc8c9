/*
 * The one place that starts threads, in the client and in what it shares. A system may
 * have none to give: no memory, a limit on processes, a sandbox that answers clone3()
 * with EPERM (container runtimes older than glibc 2.34). So whoever starts one does
 * without, if need be.
 */
#ifndef BATON_PROTO_MACHINE_THREAD_H
#define BATON_PROTO_MACHINE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* stack_len: bytes; 0: as the system has it. false: there is none to be had. */
bool thread_start(pthread_t *ret_thread, size_t stack_len, void *(*body)(void *context),
		  void *context);

#endif
