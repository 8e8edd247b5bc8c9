/*
 * For calls that must succeed: when one does not, the test fails with its error's
 * sentence. A test program says once where its errors are:
 *
 *   #define assert_ok(expression) assert_ok_of(expression, error.text)
 */
#ifndef BATON_TESTS_ASSERT_OK_H
#define BATON_TESTS_ASSERT_OK_H

#define assert_ok_of(expression, text)                                                   \
	do {                                                                             \
		if ((expression) != 0)                                                   \
			fail_msg("%s: %s", #expression, text);                           \
	} while (0)

#endif
