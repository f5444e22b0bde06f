/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Log lines of cold paths: one per state change, in an operator's words. Never called from
 * worker_iteration(), never once per packet, never with key bytes. Any thread may call.
 *
 * Lines go to stderr ("<N>" prefixes when stderr is the journal, so that priorities survive)
 * or to syslog after log_to_syslog().
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level);
/* Parses "error", "warning", "info" or "debug"; false: none of them, nothing changed. */
bool log_set_level_name(const char *name);
void log_to_syslog(const char *ident);

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_err(...)   log_line(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
