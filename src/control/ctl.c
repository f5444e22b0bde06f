/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/ctl_show.h"

/* Which filters a word takes. */
enum { TAKES_NOTHING = 0, TAKES_PEER = 1, TAKES_ALL = 2, TAKES_PLACE = 4 };

static const struct word {
	const char *name;
	unsigned int takes;
	json_t *(*show)(struct ctl_ask *ask);
} words[] = {
	{"peers", TAKES_PEER | TAKES_ALL, ctl_show_peers},
	{"routes", TAKES_PEER | TAKES_PLACE, ctl_show_routes},
	{"neighbours", TAKES_PLACE, ctl_show_neighbours},
	{"drops", TAKES_ALL, ctl_show_drops},
	{"stats", TAKES_NOTHING, ctl_show_stats},
	{"ports", TAKES_NOTHING, ctl_show_ports},
	{"lcores", TAKES_NOTHING, ctl_show_lcores},
	{"crypto", TAKES_NOTHING, ctl_show_crypto},
	{"instances", TAKES_NOTHING, ctl_show_instances},
	{"pools", TAKES_NOTHING, ctl_show_pools},
};

/* One line with its newline; steals value. */
static char *dump(json_t *value)
{
	char *text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;
	size_t len = text != NULL ? strlen(text) : 0;
	char *line = text != NULL ? realloc(text, len + 2) : NULL;

	json_decref(value);
	if (line == NULL) {
		free(text);
		return NULL;
	}
	memcpy(line + len, "\n", 2);
	return line;
}

static char *refuse(const char *sentence)
{
	return dump(json_pack("{s:b, s:o}", "ok", 0, "error", ctl_json_text(sentence)));
}

static bool wrong_type(struct ctl_ask *ask, const char *key, const char *right)
{
	snprintf(ask->error, sizeof(ask->error), "'%s' must be %s", key, right);
	return false;
}

static bool is_id(const json_t *value, json_int_t max)
{
	return json_is_integer(value) && json_integer_value(value) >= 0 &&
		json_integer_value(value) <= max;
}

static bool read_from(struct ctl_ask *ask, json_t *value)
{
	json_t *iid = json_object_get(value, "instance");
	json_t *peer = json_object_get(value, "peer");

	if (!is_id(iid, UINT32_MAX) || !is_id(peer, UINT32_MAX) || json_object_size(value) != 2)
		return wrong_type(ask, "from", "the 'next' of the answer before");
	ask->continued = true;
	ask->from.iid = (uint32_t)json_integer_value(iid);
	ask->from.peer_id = (uint32_t)json_integer_value(peer);
	return true;
}

static bool read_filter(struct ctl_ask *ask, const struct word *w, const char *key, json_t *value)
{
	if ((w->takes & TAKES_PEER) != 0 && strcmp(key, "instance") == 0) {
		ask->instance = json_string_value(value);
		return ask->instance != NULL || wrong_type(ask, key, "the name of a device");
	}
	if ((w->takes & TAKES_PEER) != 0 && strcmp(key, "peer") == 0) {
		ask->peer = json_integer_value(value);
		return is_id(value, DP_PEER_ID_MAX) ||
			wrong_type(ask, key, "a number from 0 to 16777214");
	}
	if ((w->takes & TAKES_PLACE) != 0 && strcmp(key, "from") == 0) {
		ask->after = json_string_value(value);
		return ask->after != NULL ||
			wrong_type(ask, key, "the 'next' of the answer before");
	}
	if ((w->takes & TAKES_PEER) != 0 && strcmp(key, "from") == 0)
		return read_from(ask, value);
	if ((w->takes & TAKES_ALL) != 0 && strcmp(key, "all") == 0) {
		ask->all = json_is_true(value);
		return json_is_boolean(value) || wrong_type(ask, key, "true or false");
	}
	snprintf(ask->error, sizeof(ask->error), "show %s takes no '%.64s'", w->name, key);
	return false;
}

static char *answer_word(struct ctl_ask *ask, const struct word *w, json_t *request)
{
	json_t *result;
	const char *key;
	json_t *value;

	json_object_foreach (request, key, value) {
		if (strcmp(key, "command") != 0 && strcmp(key, "what") != 0 &&
			!read_filter(ask, w, key, value))
			return refuse(ask->error);
	}
	result = w->show(ask);
	if (result == NULL)
		return ask->error[0] != '\0' ? refuse(ask->error) : NULL;
	if (!ask->more)
		return dump(json_pack("{s:b, s:o}", "ok", 1, "result", result));
	if (ask->resume[0] != '\0')
		return dump(json_pack(
			"{s:b, s:o, s:s}", "ok", 1, "result", result, "next", ask->resume));
	return dump(json_pack("{s:b, s:o, s:{s:I, s:I}}", "ok", 1, "result", result, "next",
		"instance", (json_int_t)ask->next.iid, "peer", (json_int_t)ask->next.peer_id));
}

static char *answer_show(struct ctl_ask *ask, json_t *request)
{
	const char *what = json_string_value(json_object_get(request, "what"));
	int used;

	if (what == NULL)
		what = "";
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(what, words[i].name) == 0)
			return answer_word(ask, &words[i], request);
	used = snprintf(ask->error, sizeof(ask->error), "unknown thing '%.64s': one of", what);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		used += snprintf(ask->error + used, sizeof(ask->error) - (size_t)used, "%s %s",
			i == 0 ? "" : ",", words[i].name);
	return refuse(ask->error);
}

char *ctl_answer(struct agent *a, const char *request, size_t len)
{
	struct ctl_ask ask = {.agent = a, .peer = -1};
	const char *command;
	char sentence[256];
	json_error_t error;
	json_t *root;
	char *line;

	root = json_loadb(request, len, JSON_REJECT_DUPLICATES, &error);
	if (root == NULL) {
		snprintf(sentence, sizeof(sentence), "the request is not JSON: %s", error.text);
		return refuse(sentence);
	}
	command = json_string_value(json_object_get(root, "command"));
	if (command != NULL && strcmp(command, "show") == 0) {
		line = answer_show(&ask, root);
	} else {
		snprintf(sentence, sizeof(sentence), "unknown command '%.64s': one of show",
			command != NULL ? command : "");
		line = refuse(sentence);
	}
	json_decref(root);
	return line;
}
