#ifndef POSIX_LINK_H
#define POSIX_LINK_H

#include "sapwood_device.h"

/* Serve the link on a serial line, or on standard input and output (path "-"), until no byte will come. The config's patch_read
 * becomes the link's. False with errno set. */
bool link_serve(swd_config *config, const char *path);

#endif
