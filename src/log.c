/* SPDX-License-Identifier: BSD-3-Clause */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

/* Process-wide by nature, as stderr is; everything else hangs from struct dp or struct agent. */
static _Atomic(enum log_level) max_level = LOG_LEVEL_INFO;
static atomic_bool use_syslog;

static const char *const names[] = {"error", "warning", "info", "debug"};
static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

void log_set_level(enum log_level level)
{
	atomic_store(&max_level, level);
}

bool log_set_level_name(const char *name)
{
	for (int i = 0; i <= LOG_LEVEL_DEBUG; i++) {
		if (strcmp(name, names[i]) == 0) {
			log_set_level((enum log_level)i);
			return true;
		}
	}
	return false;
}

void log_to_syslog(const char *ident)
{
	openlog(ident, LOG_PID, LOG_DAEMON);
	atomic_store(&use_syslog, true);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (level > atomic_load(&max_level))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (atomic_load(&use_syslog))
		syslog(priorities[level], "%s", text);
	else if (getenv("JOURNAL_STREAM") != NULL)
		fprintf(stderr, "<%d>%s\n", priorities[level], text);
	else if (level <= LOG_LEVEL_WARN)
		fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, names[level], text);
	else
		fprintf(stderr, "%s: %s\n", program_invocation_short_name, text);
}
