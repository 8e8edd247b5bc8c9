/*
 * A job that hands a file to the next one, with libbaton in place of the baton program.
 *
 * cc libbaton.c -o libbaton $(pkg-config --cflags --libs baton)
 * BATON_WORKFLOW=w ./libbaton build give FILE
 * BATON_WORKFLOW=w ./libbaton test take DIR build
 */
#include <baton.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int finish(const char *what, char *json, const struct baton_error *error)
{
	if (error->status == 0)
		printf("%s %s", what, json);
	else
		fprintf(stderr, "%s failed (%s): %s\n", what, error->name,
			error->sentence);
	free(json);
	return error->status;
}

static int give(const char *job, const char *file)
{
	const char *const paths[] = {file, NULL};
	const struct baton_options options = {.job = job, .paths = paths};
	struct baton_error error;
	char *json;
	baton_persist(&options, &json, &error);
	return finish("persist", json, &error);
}

static int take(const char *job, const char *directory, const char *from)
{
	const char *const needs[] = {from, NULL};
	const struct baton_more more[] = {{"--verify", NULL}, {NULL, NULL}};
	const struct baton_options options = {
		.job = job,
		.needs = needs,
		.directory = directory,
		.more = more,
	};
	struct baton_error error;
	char *json;
	baton_attach(&options, &json, &error);
	return finish("attach", json, &error);
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[2], "give") == 0)
		return give(argv[1], argv[3]);
	if (argc == 5 && strcmp(argv[2], "take") == 0)
		return take(argv[1], argv[3], argv[4]);
	fprintf(stderr, "usage: libbaton JOB give FILE | JOB take DIR FROM\n");
	return 2;
}
