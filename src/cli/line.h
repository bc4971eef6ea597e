/* Reading what the user types: edited lines with history on a terminal, plain lines otherwise. */
#ifndef NAP_CLI_LINE_H
#define NAP_CLI_LINE_H

#include <stddef.h>

typedef struct line_reader line_reader;

line_reader *line_open(const char *prompt);
/* One message: a line, several lines each ending in a backslash but the last, or a block between
 * two lines of """. No trailing newline; free(). NULL at the end of input. */
char *line_read(line_reader *r, size_t *len);
void line_close(line_reader *r); /* accepts NULL; writes the history */

#endif
