/*
 * Exchanges directories and files with links, each pair again and again, as fast as it
 * goes, until it is killed: who looks at a name and then opens it finds another thing.
 *
 *	swapper (PATH LINK TARGET)…
 *
 * Makes a link to TARGET where there is none. Writes a byte after each ROUNDS.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define ROUNDS 100u

static void swap(const char *path, const char *link, const char *target)
{
	if (renameat2(AT_FDCWD, path, AT_FDCWD, link, RENAME_EXCHANGE) == 0)
		return;
	/* Its directory may be gone for the moment. */
	if (errno == ENOENT && access(link, F_OK) != 0 && symlink(target, link) != 0)
		errno = 0;
}

int main(int argc, char **argv)
{
	ssize_t told = 1;
	while (told == 1) {
		for (unsigned round = 0; round < ROUNDS; round++)
			for (int i = 1; i + 2 < argc; i += 3)
				swap(argv[i], argv[i + 1], argv[i + 2]);
		told = write(STDOUT_FILENO, ".", 1);
	}
	return 1;
}
