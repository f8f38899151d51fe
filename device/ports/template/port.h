/* A model that a device updates. */
#ifndef PORT_H
#define PORT_H

#include "sapwood_device.h"

/* At boot. SWD_DONE: `model` says where it is. SWD_MORE, in place only: run port_link first. */
swd_result port_boot(swd_model *model);

/* Serve the host (serve.h) until there may be another model; then boot, or ask port_boot again. */
void port_link(void);

#endif
