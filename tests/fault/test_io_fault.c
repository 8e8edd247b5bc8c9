/* The power cut that the other fault tests rely on. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/fault/io_fault.h"
#include "tests/harness/scratch.h"

#define SEEDS 64u

/* A directory, and the disk below it. */
struct machine {
	char *directory;
	int dir_fd;
	struct io_fault *fault;
	const struct io *io;
};

static struct machine machine_new(uint64_t seed)
{
	struct machine machine = {
		.directory = scratch_new(),
		.fault = io_fault_new(seed),
	};
	machine.io = io_fault_table(machine.fault);
	machine.dir_fd = io_open(machine.io, AT_FDCWD, machine.directory,
				 O_RDONLY | O_DIRECTORY, 0);
	assert_true(machine.dir_fd >= 0);
	return machine;
}

static void cut(struct machine *machine)
{
	assert_int_equal(io_fault_open_count(machine->fault), 1);
	(void)io_close(machine->io, machine->dir_fd);
	io_fault_cut(machine->fault);
}

static void machine_fini(struct machine *machine)
{
	io_fault_free(machine->fault);
	scratch_free(machine->directory);
}

static void sync_dir(const struct machine *machine)
{
	assert_int_equal(machine->io->fsync(machine->io->context, machine->dir_fd), 0);
}

/* Writes a file of `len` bytes of one value, from the start; leaves it open. */
static int write_file(const struct machine *machine, const char *name, int value,
		      size_t len)
{
	int fd = io_open(machine->io, machine->dir_fd, name, O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	char *data AUTO_FREE = must_alloc(len);
	memset(data, value, len);
	assert_int_equal(io_write_at(machine->io, fd, data, len, 0), 0);
	return fd;
}

static void sync_and_close(const struct machine *machine, int fd)
{
	assert_int_equal(machine->io->fdatasync(machine->io->context, fd), 0);
	assert_int_equal(io_close(machine->io, fd), 0);
}

/* What is on the disk: bytes read, or -1 where the name is not there. */
static ssize_t read_file(const struct machine *machine, const char *name, char *ret_data,
			 size_t room)
{
	char *path AUTO_FREE = NULL;
	assert_true(asprintf(&path, "%s/%s", machine->directory, name) > 0);
	int fd AUTO_FD = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -1 : read(fd, ret_data, room);
}

static void cut_keeps_what_was_synced(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct machine machine AUTO(machine_fini) = machine_new(seed);
		sync_and_close(&machine, write_file(&machine, "a", 'x', 2000));
		sync_dir(&machine);
		cut(&machine);
		char data[4096];
		assert_int_equal(read_file(&machine, "a", data, sizeof(data)), 2000);
		for (size_t i = 0; i < 2000; i++)
			assert_int_equal(data[i], 'x');
	}
}

static void cut_may_lose_a_name_that_was_not_synced(void **state)
{
	(void)state;
	unsigned kept = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct machine machine AUTO(machine_fini) = machine_new(seed);
		sync_and_close(&machine, write_file(&machine, "a", 'x', 100));
		cut(&machine);
		char data[4096];
		ssize_t len = read_file(&machine, "a", data, sizeof(data));
		assert_true(len == -1 || len == 100);
		kept += len == 100;
	}
	assert_in_range(kept, 1, SEEDS - 1);
}

static void cut_tears_writes_at_sectors(void **state)
{
	(void)state;
	unsigned torn = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct machine machine AUTO(machine_fini) = machine_new(seed);
		sync_and_close(&machine, write_file(&machine, "a", 'x', 2048));
		sync_dir(&machine);
		assert_int_equal(
			io_close(machine.io, write_file(&machine, "a", 'y', 2048)), 0);
		cut(&machine);
		char data[4096];
		assert_int_equal(read_file(&machine, "a", data, sizeof(data)), 2048);
		unsigned changed = 0;
		for (size_t sector = 0; sector < 4; sector++) {
			for (size_t i = 1; i < 512; i++)
				assert_int_equal(data[sector * 512 + i],
						 data[sector * 512]);
			changed += data[sector * 512] == 'y';
		}
		torn += changed > 0 && changed < 4;
	}
	assert_in_range(torn, 1, SEEDS - 1);
}

static void cut_undoes_unlink_and_rename_that_were_not_synced(void **state)
{
	(void)state;
	unsigned there[3] = {0};
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct machine machine AUTO(machine_fini) = machine_new(seed);
		sync_and_close(&machine, write_file(&machine, "a", 'a', 10));
		sync_and_close(&machine, write_file(&machine, "b", 'b', 10));
		sync_dir(&machine);
		const struct io *io = machine.io;
		assert_int_equal(io->unlink(io->context, machine.dir_fd, "a"), 0);
		assert_int_equal(io->rename(io->context, machine.dir_fd, "b", "c"), 0);
		cut(&machine);
		char data[16];
		there[0] += read_file(&machine, "a", data, sizeof(data)) == 10;
		bool old = read_file(&machine, "b", data, sizeof(data)) == 10;
		bool new = read_file(&machine, "c", data, sizeof(data)) == 10;
		assert_int_not_equal(old, new);
		there[1] += old;
	}
	assert_in_range(there[0], 1, SEEDS - 1);
	assert_in_range(there[1], 1, SEEDS - 1);
}

static void failed_sync_is_forgotten_by_the_next(void **state)
{
	(void)state;
	unsigned lost = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct machine machine AUTO(machine_fini) = machine_new(seed);
		int fd = write_file(&machine, "a", 'x', 10);
		sync_dir(&machine);
		io_fault_fail(machine.fault, IO_CALL_SYNC, 1, false, EIO);
		assert_int_equal(machine.io->fdatasync(machine.io->context, fd), -1);
		assert_int_equal(errno, EIO);
		sync_and_close(&machine, fd);
		cut(&machine);
		char data[16];
		lost += read_file(&machine, "a", data, sizeof(data)) == 0;
	}
	assert_in_range(lost, 1, SEEDS - 1);
}

static void nth_call_of_a_kind_fails_once_or_forever(void **state)
{
	(void)state;
	struct machine machine AUTO(machine_fini) = machine_new(1);
	int fd = write_file(&machine, "a", 'x', 10);
	for (int forever = 0; forever < 2; forever++) {
		io_fault_fail(machine.fault, IO_CALL_WRITE, 2, forever, ENOSPC);
		assert_int_equal(io_write_at(machine.io, fd, "1", 1, 0), 0);
		assert_false(io_fault_has_failed(machine.fault));
		assert_int_equal(io_write_at(machine.io, fd, "2", 1, 0), -1);
		assert_int_equal(errno, ENOSPC);
		assert_true(io_fault_has_failed(machine.fault));
		assert_int_equal(io_write_at(machine.io, fd, "3", 1, 0), -forever);
	}
	io_fault_fail(machine.fault, IO_CALL_ANY, 0, false, 0);
	io_fault_write_short(machine.fault, true);
	char data[1000] = "whole";
	assert_int_equal(io_write_at(machine.io, fd, data, sizeof(data), 0), 0);
	sync_and_close(&machine, fd);
	cut(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_keeps_what_was_synced),
		cmocka_unit_test(cut_may_lose_a_name_that_was_not_synced),
		cmocka_unit_test(cut_tears_writes_at_sectors),
		cmocka_unit_test(cut_undoes_unlink_and_rename_that_were_not_synced),
		cmocka_unit_test(failed_sync_is_forgotten_by_the_next),
		cmocka_unit_test(nth_call_of_a_kind_fails_once_or_forever),
	};
	return cmocka_run_group_tests_name("io_fault", tests, NULL, NULL);
}
