#include "daemon/access/peer_user.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/access/grant/grant_lines.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* Linux lets a process have so many (NGROUPS_MAX), and one of its own beside them. */
#define GROUPS_MAX 65537u
#define ENTRY_LEN_MAX (64u * 1024u)

/* ---- reading ---- */

static bool is_number(const char *name)
{
	size_t len = strspn(name, "0123456789");
	return len > 0 && len < 10 && !name[len];
}

/* An id of the system's, or the number itself. False: there is no such user or group. */
static bool find_id(enum user_rule_kind kind, const char *name, id_t *ret_id)
{
	char *room AUTO_FREE = must_alloc(ENTRY_LEN_MAX);
	struct passwd user, *found_user = NULL;
	struct group group, *found_group = NULL;
	if (is_number(name)) {
		*ret_id = (id_t)strtoul(name, NULL, 10);
		return true;
	}
	if (kind == USER_RULE_USER &&
	    getpwnam_r(name, &user, room, ENTRY_LEN_MAX, &found_user) == 0 && found_user)
		*ret_id = user.pw_uid;
	else if (kind == USER_RULE_GROUP &&
		 getgrnam_r(name, &group, room, ENTRY_LEN_MAX, &found_group) == 0 &&
		 found_group)
		*ret_id = group.gr_gid;
	else
		return false;
	return true;
}

static bool is_there(const struct user_rules *rules, const struct user_rule *rule)
{
	for (size_t i = 0; i < rules->count; i++)
		if (rules->items[i].kind == rule->kind && rules->items[i].id == rule->id)
			return true;
	return false;
}

static int read_rule(const struct config_section *section, struct user_rule *rule,
		     struct error *error)
{
	static const char *const keys[] = {"namespace", "verbs", "workflow",
					   "job",       "tier",  NULL};
	bool is_user = strcmp(section->kind, "user") == 0;
	bool is_others = is_user && strcmp(section->name, "*") == 0;
	rule->kind = is_others ? USER_RULE_OTHERS
		     : is_user ? USER_RULE_USER
			       : USER_RULE_GROUP;
	if (!is_others && !find_id(rule->kind, section->name, &rule->id))
		return error_set(error, ERR_USAGE, "%s: this machine has no such %s",
				 section->origin, section->kind);
	int err = config_section_check(section, keys, error);
	return err ? err : grant_lines_read(section, &rule->grant, &rule->tier, error);
}

int user_rules_add(struct user_rules *rules, const struct config_section *section,
		   struct error *error)
{
	struct user_rule rule = {0};
	int err = read_rule(section, &rule, error);
	if (err == 0 && is_there(rules, &rule))
		err = error_set(error, ERR_USAGE, "%s: has a section already",
				section->origin);
	if (err) {
		grant_fini(&rule.grant);
		return err;
	}
	rules->items =
		must_realloc(rules->items, (rules->count + 1) * sizeof(*rules->items));
	rules->items[rules->count++] = rule;
	return 0;
}

void user_rules_fini(struct user_rules *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		grant_fini(&rules->items[i].grant);
	free(rules->items);
	*rules = (struct user_rules){0};
}

/* ---- asking ---- */

struct peer_identity {
	uid_t user;
	const gid_t *groups; /* borrowed; one may stand there twice */
	size_t group_count;
};

static bool is_member(const struct peer_identity *identity, id_t group)
{
	for (size_t i = 0; i < identity->group_count; i++)
		if (identity->groups[i] == group)
			return true;
	return false;
}

static bool is_about(const struct user_rule *rule, enum user_rule_kind kind,
		     const struct peer_identity *identity)
{
	if (rule->kind != kind)
		return false;
	return kind == USER_RULE_OTHERS ||
	       (kind == USER_RULE_USER ? rule->id == identity->user
				       : is_member(identity, rule->id));
}

/* Adds the grants of all rules of a kind that are about this peer. One that is untrusted
 * makes it untrusted. */
static void add_rules(const struct user_rules *rules, enum user_rule_kind kind,
		      const struct peer_identity *identity, struct principal *principal)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct user_rule *rule = &rules->items[i];
		if (!is_about(rule, kind, identity))
			continue;
		struct grant copy = grant_copy(&rule->grant);
		principal_add(principal, &copy);
		if (rule->tier == TIER_UNTRUSTED)
			principal->tier = TIER_UNTRUSTED;
	}
}

static struct principal *principal_of(const struct user_rules *rules,
				      const struct peer_identity *identity)
{
	char name[40];
	(void)snprintf(name, sizeof(name), "unix uid %u", (unsigned)identity->user);
	struct principal *principal = principal_new(name, TIER_TRUSTED);
	bool is_own = identity->user == 0 || identity->user == geteuid();
	add_rules(rules, USER_RULE_USER, identity, principal);
	if (principal->grant_count == 0 && !is_own)
		add_rules(rules, USER_RULE_GROUP, identity, principal);
	if (principal->grant_count == 0 && !is_own)
		add_rules(rules, USER_RULE_OTHERS, identity, principal);
	if (principal->grant_count == 0)
		principal_add_all(principal);
	return principal;
}

/* The kernel tells of any socket something; of one that is no Unix socket, or that it
 * knows no peer of, the id that nobody has. */
static bool read_user(int fd, struct ucred *ret_who)
{
	int domain = AF_UNSPEC;
	socklen_t len = sizeof(domain), who_len = sizeof(*ret_who);
	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
	       domain == AF_UNIX &&
	       getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_who, &who_len) == 0 &&
	       ret_who->uid != (uid_t)-1;
}

/* The groups, its own one last; owned by the caller. False: the kernel does not say. */
static bool read_groups(int fd, gid_t own, gid_t **ret_groups, size_t *ret_count)
{
	socklen_t len = 0;
	gid_t *groups AUTO_FREE = NULL;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) < 0 && errno != ERANGE)
		return false;
	if (len > GROUPS_MAX * sizeof(gid_t))
		return false;
	groups = must_alloc(len + sizeof(gid_t));
	if (len && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false;
	*ret_count = len / sizeof(gid_t);
	groups[(*ret_count)++] = own;
	*ret_groups = take_ptr(&groups);
	return true;
}

int peer_user_principal(const struct user_rules *rules, int fd,
			struct principal **ret_principal, struct error *error)
{
	struct ucred who;
	gid_t *groups AUTO_FREE = NULL;
	size_t group_count = 0;
	if (!read_user(fd, &who) ||
	    (rules->count && !read_groups(fd, who.gid, &groups, &group_count)))
		return error_set(error, ERR_DENIED,
				 "the user of this connection is not known");
	const struct peer_identity identity = {who.uid, groups, group_count};
	*ret_principal = principal_of(rules, &identity);
	return 0;
}
