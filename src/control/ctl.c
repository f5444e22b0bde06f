/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/ctl_clear.h"
#include "control/ctl_show.h"

/* Which filters a word takes; does it tell what `clear stats` clears? */
enum {
	TAKES_NOTHING = 0,
	TAKES_PEER = 1,
	TAKES_ALL = 2,
	TAKES_FROM = 4,	 /* a page behind a peer */
	TAKES_PLACE = 8, /* a page behind a row */
	COUNTS = 16,
};

struct word {
	const char *name;
	unsigned int takes;
	json_t *(*answer)(struct ctl_ask *ask);
};

static const struct word shows[] = {
	{"peers", TAKES_PEER | TAKES_FROM | TAKES_ALL | COUNTS, ctl_show_peers},
	{"routes", TAKES_PEER | TAKES_PLACE, ctl_show_routes},
	{"neighbours", TAKES_PLACE, ctl_show_neighbours},
	{"drops", TAKES_ALL | COUNTS, ctl_show_drops},
	{"stats", TAKES_FROM, ctl_show_stats},
	{"ports", COUNTS, ctl_show_ports},
	{"lcores", COUNTS, ctl_show_lcores},
	{"crypto", TAKES_NOTHING, ctl_show_crypto},
	{"instances", TAKES_NOTHING, ctl_show_instances},
	{"pools", TAKES_NOTHING, ctl_show_pools},
	{"memory", TAKES_NOTHING, ctl_show_memory},
};

static const struct word clears[] = {
	{"stats", TAKES_FROM, ctl_clear_stats},
};

static const struct command {
	const char *name;
	const struct word *words;
	size_t nb_words;
} commands[] = {
	{"show", shows, ARRAY_LEN(shows)},
	{"clear", clears, ARRAY_LEN(clears)},
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

static bool read_filter(struct ctl_ask *ask, const struct command *c, const struct word *w,
	const char *key, json_t *value)
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
	if ((w->takes & TAKES_FROM) != 0 && strcmp(key, "from") == 0)
		return read_from(ask, value);
	if ((w->takes & TAKES_ALL) != 0 && strcmp(key, "all") == 0) {
		ask->all = json_is_true(value);
		return json_is_boolean(value) || wrong_type(ask, key, "true or false");
	}
	snprintf(ask->error, sizeof(ask->error), "%s %s takes no '%.64s'", c->name, w->name, key);
	return false;
}

/* Steals result. */
static char *answer_with(struct ctl_ask *ask, const struct word *w, json_t *result)
{
	json_t *answer;

	if (result == NULL)
		return ask->error[0] != '\0' ? refuse(ask->error) : NULL;
	answer = json_pack("{s:b, s:o}", "ok", 1, "result", result);
	if (ask->more && ask->resume[0] != '\0')
		json_object_set_new(answer, "next", json_string(ask->resume));
	else if (ask->more)
		json_object_set_new(answer, "next",
			json_pack("{s:I, s:I}", "instance", (json_int_t)ask->next.iid, "peer",
				(json_int_t)ask->next.peer_id));
	if ((w->takes & COUNTS) != 0 && ctl_cleared(ask->agent))
		json_object_set_new(answer, "cleared_s", json_real(ctl_counting_s(ask->agent)));
	return dump(answer);
}

static char *answer_word(
	struct ctl_ask *ask, const struct command *c, const struct word *w, json_t *request)
{
	const char *key;
	json_t *value;

	json_object_foreach (request, key, value) {
		if (strcmp(key, "command") != 0 && strcmp(key, "what") != 0 &&
			!read_filter(ask, c, w, key, value))
			return refuse(ask->error);
	}
	return answer_with(ask, w, w->answer(ask));
}

static char *answer_command(struct ctl_ask *ask, const struct command *c, json_t *request)
{
	const char *what = json_string_value(json_object_get(request, "what"));
	int used;

	if (what == NULL)
		what = "";
	for (size_t i = 0; i < c->nb_words; i++)
		if (strcmp(what, c->words[i].name) == 0)
			return answer_word(ask, c, &c->words[i], request);
	used = snprintf(ask->error, sizeof(ask->error), "unknown thing '%.64s': one of", what);
	for (size_t i = 0; i < c->nb_words; i++)
		used += snprintf(ask->error + used, sizeof(ask->error) - (size_t)used, "%s %s",
			i == 0 ? "" : ",", c->words[i].name);
	return refuse(ask->error);
}

char *ctl_answer(struct agent *a, const char *request, size_t len)
{
	struct ctl_ask ask = {.agent = a, .peer = -1};
	const struct command *c = NULL;
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
	for (size_t i = 0; command != NULL && i < ARRAY_LEN(commands); i++)
		if (strcmp(command, commands[i].name) == 0)
			c = &commands[i];
	if (c != NULL) {
		line = answer_command(&ask, c, root);
	} else {
		snprintf(sentence, sizeof(sentence), "unknown command '%.64s': one of show, clear",
			command != NULL ? command : "");
		line = refuse(sentence);
	}
	json_decref(root);
	return line;
}
