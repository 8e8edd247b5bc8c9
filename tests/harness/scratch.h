/*
 * A directory for one test, on tmpfs where there is one.
 */
#ifndef BATON_TESTS_SCRATCH_H
#define BATON_TESTS_SCRATCH_H

/* Makes one below TMPDIR, /dev/shm or /tmp; its path is owned by the caller. */
char *scratch_new(void);
/* Removes it with all that is in it, and frees the path. */
void scratch_free(char *path);
/* The same for AUTO(): takes the variable's address. */
void scratch_fini(char **path);

#endif
