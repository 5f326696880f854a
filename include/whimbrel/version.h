/* Which whimbrel this is: of the header at compile time, of the library at run time.
 *
 * Thread-safety: callable from any thread. Ownership: the text is static.
 *
 *     if (whim_version() != WHIM_VERSION) printf("built for another minor version than %s\n",
 * whim_version_text()); */
#ifndef WHIMBREL_VERSION_H
#define WHIMBREL_VERSION_H

#include <stdint.h>

#include "whimbrel/export.h"

WHIM_BEGIN_DECLS

#define WHIM_VERSION_MAJOR 0
#define WHIM_VERSION_MINOR 1
#define WHIM_VERSION_PATCH 0
#define WHIM_VERSION (WHIM_VERSION_MAJOR * 10000 + WHIM_VERSION_MINOR * 100 + WHIM_VERSION_PATCH)

/* The library's version as WHIM_VERSION counts it: major * 10000 + minor * 100 + patch. Does not block. */
WHIM_API uint32_t whim_version(void);

/* The same as text, for example "0.1.0". Static, never NULL. Does not block. */
WHIM_API const char* whim_version_text(void);

WHIM_END_DECLS

#endif
