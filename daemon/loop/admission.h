/*
 * Who may begin a connection over TLS (rule A3): how many of one address, and how many
 * that have not shown yet who they are. Belongs to the loop's thread.
 *
 * From a mark on, new ones are dropped at random, more of them the more there are, as
 * OpenSSH's MaxStartups does: so that who floods the port drops mostly his own.
 */
#ifndef BATON_DAEMON_LOOP_ADMISSION_H
#define BATON_DAEMON_LOOP_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Strangers of one address, at most: so that the marks below take many addresses. */
#define STRANGERS_OF_ADDRESS_MAX 32u

/* Strangers from which on some are dropped, and at which all are. */
#define STRANGERS_MARK 128u
#define STRANGERS_MAX 1024u

/* Connections are counted in so many places; addresses that share one share its bound. */
#define ADMISSION_PLACES 4096u

struct admission {
	uint64_t place_max;       /* connections of one address */
	uint32_t (*chance)(void); /* any number, each as likely */
	uint64_t seed; /* so that nobody can choose an address with another's place */
	uint32_t strangers; /* that have not shown who they are */
	uint32_t dropped;   /* since it was last told */
	uint16_t places[ADMISSION_PLACES];
	uint8_t strangers_of[ADMISSION_PLACES]; /* as places: those not known yet */
};

/* One connection's share. Zeros: none was taken. */
struct admitted {
	bool counted, stranger;
	uint16_t place;
};

void admission_init(struct admission *admission, uint64_t place_max);

/* Whether a connection from that address may go on; if so, takes its share. */
bool admission_take(struct admission *admission, const struct sockaddr_storage *from,
		    struct admitted *ret_admitted);
/* It has shown who it is. */
void admission_know(struct admission *admission, struct admitted *admitted);
/* It is closed. */
void admission_leave(struct admission *admission, struct admitted *admitted);

#endif
