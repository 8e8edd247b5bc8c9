/*
 * Values of options that are a choice of few, in the order in which the table of options
 * names them.
 */
#ifndef BATON_CLIENT_OPTIONS_CHOICES_H
#define BATON_CLIENT_OPTIONS_CHOICES_H

enum if_empty {
	IF_EMPTY_ERROR,
	IF_EMPTY_WARN,
	IF_EMPTY_OK,
};

enum if_changed {
	IF_CHANGED_ERROR,
	IF_CHANGED_SKIP,
	IF_CHANGED_PREFIX,
};

#endif
